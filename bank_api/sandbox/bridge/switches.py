"""What Bridge leaves open is a switch here, with the guessed value as its default (README.md lists them)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.switches import SwitchBoard


@dataclass
class Switches(SwitchBoard):
	"""Behaviour that tests may change; numbers of section 8 are Bridge's documented ones."""

	CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
		"retry_after": ("none", "seconds", "date"),
		"end_of_list": ("null", "string", "empty", "absent"),
		"next_uri": ("relative", "absolute"),
		"page_quirk": ("none", "short", "empty", "overlap"),
		"transactions_order": ("id", "updated_at", "date_desc"),
		"v3_error_shape": ("errors", "flat"),
		"unshared_account": ("disabled", "absent"),
		"category_single_shape": ("top", "resources"),
		"login_data": ("demo", "login"),
	}
	FREE: ClassVar[tuple[str, ...]] = ("v2_info_ok",)

	# headers and credentials
	version_check: bool = True
	old_version_header: bool = True
	client_optional_with_bearer: bool = True
	# limits (section 8.3)
	rate_limits: bool = True
	app_limit: int = 2000
	user_limit: int = 60
	token_limit: int = 10
	management_flow_limit: int = 4
	v2_management_limit: bool = False
	retry_after: str = "none"
	user_cap: int = 0
	# lists
	default_limit: int = 50
	limit_check: bool = True
	end_of_list: str = "null"
	next_uri: str = "relative"
	next_uri_repeats_filters: bool = True
	page_quirk: str = "none"
	transactions_order: str = "id"
	since_strict: bool = True
	v3_deleted_without_since: bool = True
	generated_at: bool = True
	ascii_json: bool = False
	# shapes and statuses
	v3_error_shape: str = "errors"
	v2_info_ok: str | None = "OK"
	user_created_status: int = 201
	token_status: int = 200
	session_created_status: int = 200
	refresh_status: int = 202
	unknown_token_user_status: int = 404
	category_single_shape: str = "top"
	unshared_account: str = "disabled"
	external_id_filter: bool = True
	accounts_information: bool = False
	v2_pro_confirmation: bool = True
	user_email_required: bool = True
	# life of things
	token_minutes: int = 120
	session_minutes: int = 30
	consent_days: int = 180
	default_callback_url: str = ""
	callback_hosts: list[str] = field(default_factory=lambda: ["*"])
	# the end user's steps
	account_selection: bool = True
	otp_attempts: int = 3
	app2app_ms: int = 800
	app2app_expiry_ms: int = 3000
	sync_delay_ms: int = 0
	refresh_duration_ms: int = 0
	# data
	login_data: str = "demo"
	history_days: int = 730
