"""What the protocol file leaves open, and limits that tests may change."""

from dataclasses import dataclass
from typing import Any, ClassVar

from bank_api.sandbox.switches import SwitchBoard


@dataclass
class QuantoSwitches(SwitchBoard):
	"""Behaviour that tests may change; see README.md."""

	CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
		"approval_end": ("unavailable", "rejected"),
		"webhook_clock": ("real", "sandbox"),
	}

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
