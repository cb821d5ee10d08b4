"""Settings of a source: Migdal's are the defaults, and a bad one is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank_api.connectors import errors
from bank_api.connectors.base import ConsentConnector
from bank_api.connectors.berlin_group.settings import BerlinSettings, read_settings
from bank_api.connectors.model import ProviderConfig, Secret, TokenHolder
from bank_api.connectors.registry import CONNECTORS, connector_for


def test_nothing_set_is_migdal():
	assert read_settings({}) == read_settings({"consent_path": " ", "unknown": "x"}) == BerlinSettings()
	assert set(read_settings({}).companies) == {"520004896", "512237744"}


def test_another_source_is_other_settings():
	got = read_settings(
		{
			"consent_path": "/v1/consents/",
			"resources": "accounts, card-accounts",
			"companies": "{}",
			"company_header": "psu-id-type",
			"trusted_hosts": "Login.Bank.example, b.example",
			"signed_headers": "Digest, X-Request-ID Date",
			"renew_parameters": "type=Bearer&x=%20",
			"frequency_per_day": "100",
			"sign_token_calls": "Yes",
		}
	)
	assert got.consent_path == "/v1/consents"
	assert got.resources == ("accounts", "card-accounts")
	assert got.companies == {}
	assert got.company_header == "PSU-ID-Type"
	assert got.trusted_hosts == {"login.bank.example", "b.example"}
	assert got.signed_headers == ("digest", "x-request-id", "date")
	assert got.renew_parameters == (("type", "Bearer"), ("x", " "))
	assert got.frequency_per_day == 100 and got.sign_token_calls is True


@pytest.mark.parametrize(
	("name", "value"),
	[
		("consent_path", "consents"),
		("consent_path", "/a b"),
		("loan_path", "https://x/loans"),
		("resources", "loans,savings"),
		("resources", ","),
		("authorize_url", "ftp://x"),
		("token_url", "https://u:p@x/t"),
		("metadata_url", "https://"),
		("metadata_url", "https://["),
		("trusted_hosts", "https://x"),
		("company_header", "X-Company"),
		("companies", "520004896"),
		("companies", '{"1":2}'),
		("companies", '{"a b":"x"}'),
		("certificates", "seal"),
		("signed_headers", "digest;date"),
		("signature_algorithm", "hmac"),
		("digest_algorithm", "MD5"),
		("sign_token_calls", "perhaps"),
		("frequency_per_day", "-1"),
		("frequency_per_day", "1.5"),
		("history_days", "0"),
		("booking_status", "information"),
		("renew_parameters", "type"),
	],
)
def test_a_bad_setting_is_named(name, value):
	with pytest.raises(errors.ConfigurationError, match=name):
		read_settings({name: value})


@given(st.dictionaries(st.sampled_from(list(BerlinSettings.__dataclass_fields__)), st.text(max_size=20)))
def test_no_setting_is_ever_a_crash(values):
	try:
		read_settings(values)
	except errors.ConfigurationError:
		return


def config(**settings: str) -> ProviderConfig:
	return ProviderConfig(
		"P", "berlin_group", "1.3", "https://bank.example", "", Secret(""), settings=settings
	)


def test_a_zone_and_a_key_id_that_do_not_exist_are_named():
	with pytest.raises(errors.ConfigurationError, match="time_zone"):
		connector_for(config(time_zone="Mars/Olympus"))


def test_every_connector_offers_the_whole_protocol():
	def members(protocol):
		return {name for name in dir(protocol) if not name.startswith("_")}

	wanted = members(ConsentConnector) | {"config", "token_holder", "reads_by_date"}
	assert wanted <= members(connector_for(config())) | {"config"}
	assert set(CONNECTORS) == {"bridge", "berlin_group", "quanto", "kb"}


def test_a_consent_holds_its_own_token_and_its_feed_is_read_by_day():
	speaks = connector_for(config())
	assert speaks.token_holder is TokenHolder.CONSENT and speaks.reads_by_date is True


def test_companies_are_banks():
	speaks = connector_for(config(companies=json.dumps({"1": "One"})))
	assert speaks.companies() == {"1": "One"} and speaks.bank_name("1") == "One"
	with pytest.raises(errors.NotFound):
		speaks.bank_name("2")


@pytest.mark.parametrize(
	"call",
	[
		lambda c: c.new_token("u"),
		lambda c: c.category("1"),
		lambda c: c.categories(),
		lambda c: c.bank("1"),
		lambda c: c.refresh_item(None, "c-1"),
		lambda c: c.parse_webhook(b"{}"),
		lambda c: c.link(None, None),
	],
)
def test_what_the_standard_does_not_have_is_unsupported(call):
	with pytest.raises(errors.Unsupported):
		call(connector_for(config()))


def test_no_user_is_made_and_no_push_is_believed():
	speaks = connector_for(config())
	assert speaks.create_user("u-1") == "u-1"
	speaks.delete_user("u-1")
	assert speaks.verify_webhook(b"{}", {}, [Secret("s")]) is False
