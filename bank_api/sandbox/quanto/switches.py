"""What the protocol file leaves open, and limits that tests may change."""

from dataclasses import dataclass, fields
from typing import Any

CHOICES: dict[str, tuple[Any, ...]] = {
	"approval_end": ("unavailable", "rejected"),
	"webhook_clock": ("real", "sandbox"),
}


@dataclass
class QuantoSwitches:
	"""Behaviour that tests may change; see README.md."""

	# Quanto (section 2.3)
	auth_header: str = "Authorization"
	auth_prefix: str = "Bearer "
	session_minutes: int = 60
	onboarding_days: int = 7
	issuer_check: bool = True
	poll_seconds: float = 1.0
	auto_poll: bool = True
	webhook_clock: str = "real"
	webhook_required: bool = False
	# banks (sections 3.7, 3.8, 4)
	waiting_minutes: int = 60
	max_months: int = 12
	indefinite: bool = True
	approval_days: int = 7
	approval_end: str = "unavailable"
	resources_delay_ms: int = 0
	access_seconds: int = 900
	page_cap: int = 1000
	# limits (section 4.7)
	monthly_limits: bool = True
	low: int = 8
	medium: int = 30
	medium_high: int = 120
	high: int = 240
	balances: int = 420
	tpm: int = 500
	tps: int = 300

	def update(self, values: dict[str, Any]) -> None:
		"""Change some switches.

		Args:
			values: New values by name.

		Raises:
			ValueError: An unknown name, or a value of the wrong type or outside its choices.
		"""
		fresh = QuantoSwitches()
		known = {f.name for f in fields(self)}
		for name, value in values.items():
			if name not in known:
				raise ValueError(f"unknown switch {name}")
			if name in CHOICES and value not in CHOICES[name]:
				raise ValueError(f"{name} must be one of {', '.join(map(str, CHOICES[name]))}")
			wanted = type(getattr(fresh, name))
			fits = type(value) is wanted
			if wanted is float:
				fits = isinstance(value, (int, float)) and not isinstance(value, bool)
			if not fits:
				raise ValueError(f"{name} must be {wanted.__name__}")
		for name, value in values.items():
			setattr(self, name, float(value) if type(getattr(fresh, name)) is float else value)
