"""What the protocol file leaves open is a switch here, with the likelier value as its default (README.md)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.switches import SwitchBoard


@dataclass
class KbSwitches(SwitchBoard):
	"""Behaviour that tests may change; see README.md."""

	CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
		"statement_status": (201, 200),
		"redirect_uris_form": ("array", "text"),
		"oauth_error_status": (400, 401),
		"retry_after": ("seconds", "none"),
		"plan": ("Basic", "Plus", "Pro"),
		"repeated_exchange": ("refuse", "same_outcome", "accept"),
		"identification_case": ("both", "lower", "capital"),
		"error_form": ("kb", "cobs"),
		"invalid_status": (400, 422),
		"fully_rejected": ("answer", "error"),
		"totals_over": ("accepted", "all"),
		"holiday_dates": ("refuse", "move"),
		"future_to": ("refuse", "cut"),
		"history_scope": ("account", "window"),
	}

	# registration (sections 2.2 to 2.4)
	api_keys: bool = True
	batchda_key: bool = False
	statement_status: int = 201
	statement_days: int = 365
	statement_optional: bool = False
	fixed_encryption_key: str = ""
	redirect_uris_form: str = "array"
	# CAAS (section 2.5)
	code_seconds: int = 120
	access_seconds: int = 180
	refresh_months: int = 12
	refresh_rotation: bool = False
	refresh_redirect_uri: bool = True
	token_limit: int = 60
	token_limit_seconds: int = 180
	oauth_error_status: int = 400
	revocation: bool = True
	service_months: int = 12
	retry_after: str = "seconds"
	plan: str = "Plus"
	# batches (section 3)
	repeated_exchange: str = "refuse"
	mode_ignored: bool = False
	max_payments: int = 100
	max_file_payments: int = 99_999
	identification_case: str = "both"
	error_form: str = "kb"
	invalid_status: int = 400
	partial: bool = True
	fully_rejected: str = "answer"
	totals_over: str = "accepted"
	one_account: bool = False
	forbidden_symbols: bool = True
	file_formats: list[str] = field(default_factory=lambda: ["km", "sepaxml"])
	file_number_once: bool = True
	pain_versions: list[str] = field(default_factory=lambda: ["pain.001.001.03"])
	find_by_exchange: bool = True
	holiday_dates: str = "refuse"
	cut_off: str = ""
	days_ahead: int = 364
	unsigned_days: int = 30
	# accounts and statements (section 4)
	adaa_v1: bool = False
	future_to: str = "refuse"
	history_days: int = 730
	history_limit: bool = True
	history_scope: str = "account"
	nudge_seconds: int = 300
	suspend_seconds: int = 900
	event_timeout: float = 5.0
	statement_polls: int = 1
	polling_interval: int = 2
	# the bank's channel
	code: str = "123456"
