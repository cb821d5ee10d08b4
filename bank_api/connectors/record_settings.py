"""Which fields of a provider's record a connector reads as `ProviderConfig.settings`, besides those that all read."""

COMMON = ("country_code", "ca_bundle", "environment")

BY_CONNECTOR: dict[str, tuple[str, ...]] = {
	"bridge": ("account_types",),
	"berlin_group": (
		"consent_path",
		"loan_path",
		"account_path",
		"card_account_path",
		"resources",
		"authorize_url",
		"token_url",
		"metadata_url",
		"scope",
		"company_header",
		"signed_headers",
		"signed_headers_reads",
		"key_id_style",
		"signature_algorithm",
		"digest_algorithm",
		"companies",
		"frequency_per_day",
		"history_days",
		"booking_status",
	),
	"quanto": ("time_zone",),
}


def fields_of(connector: str) -> tuple[str, ...]:
	"""The fields that are settings of a connector."""
	return COMMON + BY_CONNECTOR.get(connector, ())
