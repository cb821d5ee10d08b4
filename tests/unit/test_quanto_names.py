"""The table of Quanto's names, its settings, permissions and national numbers (2.3, 3.5)."""

import json

import ofb_spec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quanto_stub import CNPJ, CPF, Quanto, consent, listed, session_request, token
from stdnum.br import cnpj as reference_cnpj
from stdnum.br import cpf as reference_cpf

from bank_api.connectors import errors
from bank_api.connectors.base import SessionConnector, SetupConnector
from bank_api.connectors.model import Secret
from bank_api.connectors.quanto import documents, permissions
from bank_api.connectors.quanto.names import Names, read_names
from bank_api.connectors.quanto.settings import QuantoSettings, read_settings


class TestNames:
	def test_each_can_be_changed(self):
		for name in Names.__dataclass_fields__:
			default = getattr(Names(), name)
			value = f"/x{default}" if name.startswith("path_") else "x-y"
			assert getattr(read_names({f"name.{name}": f" {value} "}), name) == value

	def test_nothing_else(self):
		with pytest.raises(errors.ConfigurationError, match=r"name\.path_nothing"):
			read_names({"name.path_nothing": "/x"})
		assert read_names({"ca_bundle": "x", "path_sessions": "/x"}) == Names()

	@pytest.mark.parametrize(
		("name", "value"),
		[
			("path_session", "/v2/sessions"),
			("path_session", "/v2/sessions/{id}"),
			("path_sessions", "/v2/sessions/{session}"),
			("path_sessions", "v2/sessions"),
			("path_sessions", "/v2/../x y"),
			("path_sessions", ""),
			("auth_header", "X Key"),
			("header_signature", "X:Y"),
			("api_cards", "/cards"),
			("field_event", ""),
			("field_event", "a b"),
		],
	)
	def test_values_that_cannot_be_meant(self, name, value):
		with pytest.raises(errors.ConfigurationError, match=f"name.{name}"):
			read_names({f"name.{name}": value})

	def test_they_reach_the_wire(self):
		with Quanto() as quanto:
			speaks = quanto.connector(
				**{
					"name.auth_header": "x-api-key",
					"name.auth_prefix": "",
					"name.path_sessions": "/tsp/visits",
					"name.path_consent": "/tsp/shares/{consent}",
					"name.api_customers": "people",
					"name.field_external_id": "reference",
					"name.field_session_id": "visit",
				}
			)
			quanto.on("POST /tsp/visits", {"visit": "v-1", "status": "CREATED", "url": "http://x/y"})
			assert speaks.start_session(session_request()).session_id == "v-1"
			assert json.loads(quanto.requests[0].body)["reference"] == "unguessable"
			assert quanto.requests[0].headers["x-api-key"] == "quanto-key-1"
			assert "authorization" not in quanto.requests[0].headers
			quanto.on("GET /tsp/shares/urn:banco:C1DD33123/people/personal/identifications", listed([]))
			speaks.body(token(), "customers/personal/identifications")
			quanto.on("GET /tsp/shares/c", consent(consentId="c"))
			assert speaks.consent_status("c").status == "AUTHORISED"


class TestSettings:
	@pytest.mark.parametrize(
		("name", "value"),
		[
			("time_zone", "America/Sao_Paulo"),
			("time_zone", "-25:00"),
			("history_days", "0"),
			("history_days", "367"),
			("max_pages", "x"),
			("current_lists", "maybe"),
			("onboarding_hosts", "https://x"),
			("webhook_tolerance", "0"),
		],
	)
	def test_bad_ones_are_named(self, name, value):
		with pytest.raises(errors.ConfigurationError, match=name):
			read_settings({name: value})

	def test_empty_means_default(self):
		assert (
			read_settings({"time_zone": "", "history_days": " ", "onboarding_hosts": ""}) == QuantoSettings()
		)

	def test_a_zone(self):
		assert read_settings({"time_zone": "+05:30"}).zone.utcoffset(None).total_seconds() == 19800

	@given(
		st.dictionaries(
			st.sampled_from(
				[*QuantoSettings.__dataclass_fields__, "limit.customers", "name.path_session", "time_zone"]
			),
			st.text(max_size=20),
		)
	)
	def test_none_is_ever_a_crash(self, values):
		try:
			read_settings(values)
		except errors.ConfigurationError:
			return


class TestPermissions:
	def test_they_are_the_published_ones(self):
		ofb_spec.needed()
		schema = ofb_spec.document("consents")["components"]["schemas"]["CreateConsent"]
		published = schema["properties"]["data"]["properties"]["permissions"]["items"]
		enumeration = published.get("enum") or ofb_spec._resolved("consents", published)["enum"]
		assert set(enumeration) == permissions.ALL and len(enumeration) == 36

	def test_groups(self):
		groups = permissions.GROUPS
		assert (
			len(groups)
			== 13
			== len({group.key for group in groups})
			== len({group.label for group in groups})
		)
		assert all(permissions.RESOURCES_READ in group.permissions for group in groups)
		credit = next(group for group in groups if group.key == "credit_operations")
		assert len(credit.permissions) == 17

	@given(
		st.sets(
			st.sampled_from([one.key for one in permissions.GROUPS if "business" not in one.key]), min_size=1
		)
	)
	def test_any_union_of_groups_is_whole(self, keys):
		asked = [one for group in permissions.GROUPS if group.key in keys for one in group.permissions]
		whole = permissions.whole_groups(asked, company=False)
		assert set(whole) == set(asked) and len(whole) == len(set(whole))
		assert {group.key for group in permissions.groups_of(whole)} >= keys

	@given(st.sets(st.sampled_from(sorted(permissions.ALL))))
	def test_anything_else_is_refused_before_it_is_sent(self, asked):
		unions = {
			one
			for group in permissions.GROUPS
			if set(group.permissions) <= asked
			for one in group.permissions
		}
		mixed = any("_PERSONAL_" in one for one in asked) and any("_BUSINESS_" in one for one in asked)
		allowed = bool(asked) and unions == asked and not mixed
		company = any("_BUSINESS_" in one for one in asked)
		if allowed:
			assert permissions.whole_groups(asked, company=company)
		else:
			with pytest.raises(errors.InvalidRequest):
				permissions.whole_groups(asked, company=company)

	def test_what_banks_strip_still_shows_its_group(self):
		granted = ("ACCOUNTS_READ", "ACCOUNTS_BALANCES_READ", "LOANS_READ", "RESOURCES_READ")
		assert [group.key for group in permissions.groups_of(granted)] == [
			"account_balances",
			"credit_operations",
		]


class TestNumbers:
	@given(st.one_of(st.from_regex(r"\A[0-9]{11}\Z"), st.sampled_from([CPF, "52998224725", "00000000191"])))
	def test_cpf_as_the_reference_says(self, number):
		if reference_cpf.is_valid(number) and len(set(number)) > 1:
			assert documents.cpf(Secret(number)) == number
		else:
			with pytest.raises(errors.InvalidRequest) as caught:
				documents.cpf(Secret(number))
			assert number not in str(caught.value)

	@given(st.from_regex(r"\A[0-9]{9}\Z"))
	def test_every_cpf_that_the_reference_makes(self, stem):
		number = stem + reference_cpf._calc_check_digits(stem)
		if len(set(number)) > 1:
			assert documents.cpf(Secret(reference_cpf.format(number))) == number

	@given(st.from_regex(r"\A[0-9]{12}\Z"))
	def test_every_cnpj_that_the_reference_makes(self, stem):
		number = stem + reference_cnpj.calc_check_digits(stem)
		if len(set(number)) > 1:
			assert documents.cnpj(Secret(reference_cnpj.format(number))) == number
			wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
			with pytest.raises(errors.InvalidRequest):
				documents.cnpj(Secret(wrong))

	def test_a_cnpj_with_letters(self):
		# The example of the Receita Federal.
		assert documents.cnpj(Secret("12.ABC.345/01DE-35")) == "12ABC34501DE35"
		assert documents.cnpj(Secret("12abc34501de35")) == "12ABC34501DE35"
		with pytest.raises(errors.InvalidRequest):
			documents.cnpj(Secret("12ABC34501DE36"))

	@pytest.mark.parametrize("number", ["", "1" * 11, "abc", CPF + "1", CNPJ, "１１１４４４７７７３５"])
	def test_what_is_no_cpf(self, number):
		with pytest.raises(errors.InvalidRequest):
			documents.cpf(Secret(number))

	@pytest.mark.parametrize("number", ["", "0" * 14, CPF, CNPJ + "1", "1122233300018A"])
	def test_what_is_no_cnpj(self, number):
		with pytest.raises(errors.InvalidRequest):
			documents.cnpj(Secret(number))


def test_the_whole_protocol_is_offered():
	def members(protocol):
		return {name for name in dir(protocol) if not name.startswith("_")}

	with Quanto() as quanto:
		speaks = quanto.connector()
	wanted = members(SessionConnector) | members(SetupConnector)
	assert wanted <= members(speaks)


@pytest.mark.parametrize(
	"call",
	[
		lambda c: c.new_token("u"),
		lambda c: c.link(token(), None),
		lambda c: c.bank("1"),
		lambda c: c.category("1"),
		lambda c: c.categories(),
		lambda c: c.refresh_item(token(), "c"),
	],
)
def test_what_quanto_does_not_have(call):
	with Quanto() as quanto:
		with pytest.raises(errors.Unsupported):
			call(quanto.connector())
		with pytest.raises(errors.NotFound):
			quanto.connector().bank_name("as-1")
		assert not quanto.requests
