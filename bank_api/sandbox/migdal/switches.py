"""What the protocol file leaves open is a switch here, with the likelier value as its default."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.switches import SwitchBoard


@dataclass
class MigdalSwitches(SwitchBoard):
	"""Behaviour that tests may change; see README.md."""

	CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
		"client_certificate": ("required", "optional"),
		"signature_mode": ("lenient", "strict"),
		"key_id_style": ("percent_spaces", "raw", "percent_all", "rfc2253", "rfc1779", "openssl"),
		"link_shape": (1, 2, 3, 4),
		"error_form": ("tpp", "problem"),
		"spelling": ("scheme", "schema"),
		"links": ("relative", "absolute"),
		"resource_ids": ("account", "consent"),
		"delete_final": (204, 400),
		"replaced_status": ("expired", "terminatedByTpp"),
		"transaction_details_key": ("transactionsDetails", "transactionDetails"),
	}

	# certificates and signatures (section 5)
	client_certificate: str = "required"
	signature_mode: str = "lenient"
	key_id_style: str = "percent_spaces"
	signature_algorithms: list[str] = field(
		default_factory=lambda: ["rsa-sha256", "rsa-sha512", "ecdsa-sha256"]
	)
	digest_algorithms: list[str] = field(default_factory=lambda: ["SHA-256", "SHA-512"])
	also_signed: list[str] = field(default_factory=list)
	role_check: bool = True
	date_tolerance: int = 300
	request_id_once: bool = False
	revoked_code: str = "CERTIFICATE_REVOKED"
	# consents (section 2)
	link_shape: int = 1
	link_minutes: int = 30
	explicit_authorisation: bool = False
	psu_id_required: bool = True
	max_validity_days: int = 1095
	frequency_cap: int = 100
	delete_final: int = 204
	replaced_status: str = "expired"
	# tokens (section 3)
	scope_prefix: str = "AIS:"
	pkce_required: bool = True
	redirect_check: bool = True
	code_seconds: int = 600
	access_seconds: int = 86400
	refresh_seconds: int = 0
	refresh_reuse_revokes: bool = False
	old_access_dies: bool = True
	certificate_bound: bool = True
	# data (section 4)
	page_size: int = 100
	links: str = "relative"
	resource_ids: str = "account"
	booking_statuses: list[str] = field(default_factory=lambda: ["booked", "pending", "both"])
	history_days: int = 0
	list_balances: bool = True
	spelling: str = "scheme"
	transaction_details_key: str = "transactionsDetails"
	deviations: list[str] = field(default_factory=list)
	# answers and pages
	error_form: str = "tpp"
	otp: str = "123456"
	otp_attempts: int = 3
