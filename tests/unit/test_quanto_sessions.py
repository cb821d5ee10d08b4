"""Sessions and consents of Quanto: what is sent, what is read, how approvals and ends are told (quanto_ofb.md 2.3, 3)."""

import json
from datetime import date, datetime, timedelta, timezone

import ofb_spec
import pytest
from quanto_stub import (
	ALL_PERMISSIONS,
	CNPJ,
	CONSENT,
	CPF,
	KEY,
	NOW,
	PRESENCE,
	Quanto,
	consent,
	group,
	listed,
	query_of,
	refused,
	resource,
	session_request,
)

from bank_api.connectors import errors
from bank_api.connectors.model import (
	Approval,
	ConsentStanding,
	EndedBy,
	EndReason,
	Identity,
	ItemStatus,
	Presence,
	Secret,
	SessionStanding,
	TokenHolder,
	UserAction,
)

SESSION = "5b1b9d3e-0f1c-4a35-93a8-56a2b9a5b1aa"
OPENED = {
	"sessionId": SESSION,
	"url": "http://quanto.example/session/secret-link",
	"expiresAt": "2026-11-21T16:00:00Z",
	"status": "CREATED",
	"externalId": "unguessable",
	"loggedUser": {"document": {"identification": CPF, "rel": "CPF"}},
}


@pytest.fixture
def quanto():
	with Quanto() as server:
		yield server


def sent(quanto, route):
	return json.loads(quanto.calls(route)[-1].body)


class TestStart:
	def test_what_is_sent_and_what_comes_back(self, quanto):
		quanto.on("POST /v1/sessions", (201, OPENED))
		made = quanto.connector().start_session(session_request())
		assert (made.session_id, made.standing, made.external_id) == (
			SESSION,
			SessionStanding.OPEN,
			"unguessable",
		)
		assert made.link == OPENED["url"] and made.expires_at == datetime(
			2026, 11, 21, 16, tzinfo=timezone.utc
		)
		assert sent(quanto, "POST /v1/sessions") == {
			"loggedUser": {"document": {"identification": CPF, "rel": "CPF"}},
			"permissions": list(group("account_balances")),
			"expirationDateTime": "2027-06-01T12:30:15Z",
			"purpose": "Conciliação bancária",
			"language": "pt-BR",
			"externalId": "unguessable",
			"redirectUri": "https://gateway.example/bank-api/return",
		}
		headers = quanto.requests[0].headers
		assert headers["authorization"] == f"Bearer {KEY}"
		assert (
			headers["x-fapi-interaction-id"] == headers["x-request-id"] and len(headers["x-request-id"]) == 36
		)

	def test_neither_the_number_nor_the_link_is_kept(self, quanto):
		quanto.on("POST /v1/sessions", (201, OPENED))
		made = quanto.connector().start_session(session_request())
		assert CPF not in made.payload and "secret-link" not in made.payload
		assert json.loads(made.payload)["externalId"] == "unguessable"

	def test_what_open_finance_knows_of_it_is_a_consent(self, quanto):
		ofb_spec.needed()
		quanto.on("POST /v1/sessions", (201, OPENED))
		request = session_request(
			identity=Identity(Secret("111.444.777-35"), Secret("11.222.333/0001-81")),
			permissions=(*group("business_identification"), *group("credit_operations")),
		)
		quanto.connector().start_session(request)
		body = sent(quanto, "POST /v1/sessions")
		assert body["businessEntity"]["document"]["identification"] == CNPJ
		data = {n: body[n] for n in ("loggedUser", "businessEntity", "permissions", "expirationDateTime")}
		ofb_spec.check_request(
			"consents", "POST", "/consents", ofb_spec.HEADERS, json.dumps({"data": data}).encode()
		)

	def test_nothing_is_sent_twice(self, quanto):
		quanto.on("POST /v1/sessions", (503, ""))
		with pytest.raises(errors.ProviderUnavailable):
			quanto.connector().start_session(session_request())
		assert len(quanto.requests) == 1

	@pytest.mark.parametrize(
		("changes", "code"),
		[
			({"permissions": ()}, "COMBINACAO_PERMISSOES_INCORRETA"),
			({"permissions": ("ACCOUNTS_READ", "RESOURCES_READ")}, "COMBINACAO_PERMISSOES_INCORRETA"),
			({"permissions": ("RESOURCES_READ",)}, "SEM_PERMISSOES_FUNCIONAIS_RESTANTES"),
			({"permissions": ("PAYMENTS_INITIATE",)}, "COMBINACAO_PERMISSOES_INCORRETA"),
			({"permissions": group("account_balances")[:-1]}, "COMBINACAO_PERMISSOES_INCORRETA"),
			({"permissions": group("business_identification")}, "INFORMACOES_PJ_NAO_INFORMADAS"),
			(
				{"permissions": (*group("business_identification"), *group("personal_identification"))},
				"PERMISSAO_PF_PJ_EM_CONJUNTO",
			),
			(
				{
					"permissions": group("personal_identification"),
					"identity": Identity(Secret(CPF), Secret(CNPJ)),
				},
				"PERMISSOES_PJ_INCORRETAS",
			),
			({"expires_at": NOW - timedelta(days=1)}, "DATA_EXPIRACAO_INVALIDA"),
			({"identity": Identity(Secret("11144477734"))}, None),
			({"identity": Identity(Secret(CPF), Secret("11222333000182"))}, None),
			({"redirect_url": ""}, None),
			({"external_id": ""}, None),
			({"purpose": "x" * 501}, None),
		],
	)
	def test_what_would_be_refused_is_not_asked(self, quanto, changes, code):
		with pytest.raises(errors.InvalidRequest) as caught:
			quanto.connector().start_session(session_request(**changes))
		assert caught.value.provider_code == code and not quanto.requests
		assert CPF not in str(caught.value) and "1114447773" not in str(caught.value)

	def test_the_request_shows_no_number(self):
		assert CPF not in repr(session_request())

	@pytest.mark.parametrize(
		"url", ["", "javascript:alert(1)", "ftp://x/y", "https://user@x/y", "https://x/ y"]
	)
	def test_a_link_that_no_browser_may_follow(self, quanto, url):
		quanto.on("POST /v1/sessions", (201, OPENED | {"url": url}))
		with pytest.raises(errors.MalformedResponse):
			quanto.connector().start_session(session_request())

	def test_a_plain_link_only_in_a_sandbox(self, quanto):
		quanto.on("POST /v1/sessions", (201, OPENED))
		with pytest.raises(errors.MalformedResponse):
			quanto.connector(environment="Production").start_session(session_request())

	def test_a_missing_key_is_a_matter_of_set_up(self, quanto):
		with pytest.raises(errors.ConfigurationError, match="onboarding"):
			quanto.connector(key=" ").start_session(session_request())
		assert not quanto.requests


class TestSession:
	@pytest.mark.parametrize(
		("status", "standing"),
		[
			("CREATED", SessionStanding.OPEN),
			("IN_PROGRESS", SessionStanding.OPEN),
			("FINISHED", SessionStanding.FINISHED),
			("ABANDONED", SessionStanding.OVER),
			("EXPIRED", SessionStanding.OVER),
			("SOMETHING_NEW", SessionStanding.OPEN),
		],
	)
	def test_standing(self, quanto, status, standing):
		quanto.on(f"GET /v1/sessions/{SESSION}", OPENED | {"status": status, "consents": []})
		found = quanto.connector().session(SESSION)
		assert (found.status, found.standing, found.consents) == (status, standing, ())

	def test_several_banks_each_with_its_own_consent(self, quanto):
		second = consent("AWAITING_AUTHORISATION", consentId="urn:banco:2")
		body = OPENED | {"status": "FINISHED", "consents": [consent(), second]}
		quanto.on(f"GET /v1/sessions/{SESSION}", body)
		quanto.on(
			f"GET /v1/consents/{CONSENT}/resources",
			listed([resource("a"), resource("b", status="PENDING_AUTHORISATION")]),
		)
		one, two = quanto.connector().session(SESSION).consents
		assert (one.consent_id, one.standing, one.approval) == (
			CONSENT,
			ConsentStanding.VALID,
			Approval.PENDING,
		)
		assert (two.consent_id, two.standing, two.approval) == (
			"urn:banco:2",
			ConsentStanding.WAITING,
			Approval.SINGLE,
		)
		assert one.session_id == two.session_id == SESSION and one.bank_name == "Banco Um"

	def test_consents_named_by_id_only_are_read(self, quanto):
		quanto.on(f"GET /v1/sessions/{SESSION}", OPENED | {"consents": [{"consentId": CONSENT}]})
		bare = consent()
		del bare["sessionId"]
		quanto.on(f"GET /v1/consents/{CONSENT}", bare)
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", listed([resource("a")]))
		(found,) = quanto.connector().session(SESSION).consents
		assert (found.session_id, found.bank_id, found.approval) == (SESSION, "as-1", Approval.SINGLE)

	def test_another_session_is_no_answer(self, quanto):
		quanto.on("GET /v1/sessions/mine", OPENED)
		with pytest.raises(errors.MalformedResponse):
			quanto.connector().session("mine")

	def test_an_unknown_session(self, quanto):
		with pytest.raises(errors.NotFound):
			quanto.connector().session(SESSION)

	def test_the_return_is_a_hint(self, quanto):
		speaks = quanto.connector()
		assert speaks.parse_return({"sessionId": SESSION}).context == SESSION
		assert speaks.parse_return({"sessionId": SESSION}).success
		for query in ({}, {"sessionId": ""}, {"sessionId": "<script>"}, {"sessionId": "x" * 101}):
			assert speaks.parse_return(query) == speaks.parse_return({})
		assert not speaks.parse_return({}).success


class TestConsent:
	def read(self, quanto, body, resources=()):
		quanto.on(f"GET /v1/consents/{CONSENT}", body)
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", listed(list(resources)))
		return quanto.connector().consent(CONSENT)

	def test_everything_that_it_says(self, quanto):
		found = self.read(quanto, consent(), [resource("a")])
		assert (found.consent_id, found.status, found.standing) == (
			CONSENT,
			"AUTHORISED",
			ConsentStanding.VALID,
		)
		assert found.expires_at == datetime(2027, 11, 1, 10, tzinfo=timezone.utc)
		assert found.valid_until == date(2027, 11, 1)
		assert found.granted_at == datetime(2026, 11, 1, 10, 5, tzinfo=timezone.utc)
		assert found.permissions == ALL_PERMISSIONS and found.session_id == SESSION
		assert (found.bank_id, found.bank_name, found.approval) == ("as-1", "Banco Um", Approval.SINGLE)
		assert (found.ended_by, found.end_reason) == (EndedBy.UNKNOWN, EndReason.UNKNOWN)
		assert json.loads(found.payload) == consent()

	def test_its_last_day_is_the_banks(self, quanto):
		found = self.read(quanto, consent(expirationDateTime="2027-11-01T01:00:00Z"))
		assert found.valid_until == date(2027, 10, 31)

	@pytest.mark.parametrize("end", [None, "2300-01-01T00:00:00Z"])
	def test_one_without_an_end(self, quanto, end):
		body = consent(expirationDateTime=end)
		if end is None:
			del body["data"]["expirationDateTime"]
		found = self.read(quanto, body)
		assert (found.expires_at, found.valid_until) == (None, None)

	def test_what_quanto_adds_may_stand_within_data(self, quanto):
		body = consent()
		body["data"] |= {"sessionId": body.pop("sessionId"), "institution": body.pop("institution")}
		found = self.read(quanto, body)
		assert (found.session_id, found.bank_name) == (SESSION, "Banco Um")

	@pytest.mark.parametrize(
		("states", "approval"),
		[
			(["AVAILABLE"], Approval.SINGLE),
			([], Approval.SINGLE),
			(["AVAILABLE", "PENDING_AUTHORISATION"], Approval.PENDING),
			(["PENDING_AUTHORISATION", "UNAVAILABLE"], Approval.PENDING),
			(["UNAVAILABLE", "UNAVAILABLE"], Approval.REFUSED),
			(["UNAVAILABLE", "AVAILABLE"], Approval.SINGLE),
			(["TEMPORARILY_UNAVAILABLE"], Approval.SINGLE),
		],
	)
	def test_approval_is_what_its_resources_say(self, quanto, states, approval):
		rows = [resource(f"r{place}", status=state) for place, state in enumerate(states)]
		assert self.read(quanto, consent(), rows).approval is approval

	def test_resources_that_are_still_put_together_decide_nothing(self, quanto):
		quanto.on(f"GET /v1/consents/{CONSENT}", consent())
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", (202, listed([])))
		with pytest.raises(errors.ProviderUnavailable, match="still"):
			quanto.connector().consent(CONSENT)
		assert len(quanto.calls(f"GET /v1/consents/{CONSENT}/resources")) == 4

	def test_resources_that_come_at_the_second_call(self, quanto):
		quanto.on(f"GET /v1/consents/{CONSENT}", consent())
		pending = [resource("a", status="PENDING_AUTHORISATION")]
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", (202, listed([])), listed(pending))
		assert quanto.connector().consent(CONSENT).approval is Approval.PENDING

	def test_one_that_ends_between_the_two_reads(self, quanto):
		ended = consent(
			"REJECTED", rejection={"rejectedBy": "USER", "reason": {"code": "CUSTOMER_MANUALLY_REVOKED"}}
		)
		quanto.on(f"GET /v1/consents/{CONSENT}", consent(), ended)
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", (401, refused("NAO_AUTORIZADO")))
		assert quanto.connector().consent(CONSENT).end_reason is EndReason.REVOKED

	def test_resources_refused_while_it_is_valid(self, quanto):
		quanto.on(f"GET /v1/consents/{CONSENT}", consent())
		quanto.on(f"GET /v1/consents/{CONSENT}/resources", (401, refused("NAO_AUTORIZADO")))
		with pytest.raises(errors.ConsentRequired):
			quanto.connector().consent(CONSENT)

	@pytest.mark.parametrize(
		("by", "code", "ended_by", "reason", "item", "action"),
		[
			(
				"ASPSP",
				"CONSENT_EXPIRED",
				EndedBy.BANK,
				EndReason.NOT_GIVEN_IN_TIME,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
			(
				"USER",
				"CUSTOMER_MANUALLY_REJECTED",
				EndedBy.END_USER,
				EndReason.REFUSED,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
			(
				"USER",
				"CUSTOMER_MANUALLY_REVOKED",
				EndedBy.END_USER,
				EndReason.REVOKED,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
			(
				"TPP",
				"CUSTOMER_MANUALLY_REVOKED",
				EndedBy.CLIENT,
				EndReason.REVOKED,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
			(
				"ASPSP",
				"CONSENT_MAX_DATE_REACHED",
				EndedBy.BANK,
				EndReason.EXPIRED,
				ItemStatus.ACTION_REQUIRED,
				UserAction.AUTHENTICATE,
			),
			(
				"ASPSP",
				"CONSENT_TECHNICAL_ISSUE",
				EndedBy.BANK,
				EndReason.TECHNICAL,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
			(
				"ASPSP",
				"INTERNAL_SECURITY_REASON",
				EndedBy.BANK,
				EndReason.SECURITY,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
			(
				"OTHER",
				"SOMETHING_NEW",
				EndedBy.UNKNOWN,
				EndReason.UNKNOWN,
				ItemStatus.DELETED,
				UserAction.NONE,
			),
		],
	)
	def test_ends(self, quanto, by, code, ended_by, reason, item, action):
		body = consent("REJECTED", rejection={"rejectedBy": by, "reason": {"code": code}})
		found = self.read(quanto, body)
		assert (found.standing, found.ended_by, found.end_reason) == (ConsentStanding.ENDED, ended_by, reason)
		assert found.granted_at is None
		state = quanto.connector().item(None, CONSENT)
		assert (state.status, state.user_action, state.status_code_info) == (item, action, "REJECTED")
		assert not quanto.calls(f"GET /v1/consents/{CONSENT}/resources")

	@pytest.mark.parametrize(
		("changed", "reason"),
		[("2027-11-01T10:00:05Z", EndReason.EXPIRED), ("2026-12-01T10:00:00Z", EndReason.UNKNOWN)],
	)
	def test_version_1_tells_no_reason(self, quanto, changed, reason):
		assert self.read(quanto, consent("REJECTED", statusUpdateDateTime=changed)).end_reason is reason

	@pytest.mark.parametrize(
		("status", "standing", "item"),
		[
			("AUTHORISED", ConsentStanding.VALID, ItemStatus.OK),
			("AWAITING_AUTHORISATION", ConsentStanding.WAITING, ItemStatus.WAITING),
			("CONSUMED", ConsentStanding.SUSPENDED, ItemStatus.PROVIDER_PROBLEM),
		],
	)
	def test_standings(self, quanto, status, standing, item):
		quanto.on(f"GET /v1/consents/{CONSENT}", consent(status))
		speaks = quanto.connector()
		assert speaks.consent_status(CONSENT) == (status, standing)
		state = speaks.item(None, CONSENT)
		assert (state.status, state.bank_id) == (item, "as-1")
		assert state.authentication_expires_at == datetime(2027, 11, 1, 10, tzinfo=timezone.utc)

	@pytest.mark.parametrize(
		"change",
		[
			{"consentId": "urn:banco:other"},
			{"consentId": ""},
			{"status": None},
			{"expirationDateTime": "soon"},
		],
	)
	def test_answers_that_are_none(self, quanto, change):
		with pytest.raises(errors.MalformedResponse):
			self.read(quanto, consent(**change))

	def test_a_urn_with_a_slash_stays_one_segment(self, quanto):
		name = "urn:banco:a/b?c#d%2F"
		with pytest.raises(errors.NotFound):
			quanto.connector().consent(name)
		assert quanto.requests[0].target == "/v1/consents/urn:banco:a%2Fb%3Fc%23d%252F"

	@pytest.mark.parametrize("name", ["", "..", "a b", "x" * 257, "ü"])
	def test_what_is_no_id_is_not_asked(self, quanto, name):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().consent(name)
		assert not quanto.requests

	def test_all_of_them_over_all_pages(self, quanto):
		rows = [consent(consentId=f"urn:banco:{place}") for place in range(3)]
		last = f"{quanto.url}/v1/consents?page=2&page-size=500"
		quanto.on(
			"GET /v1/consents",
			lambda r: (200, listed(rows[2:]) if "page" in query_of(r) else listed(rows[:2], following=last)),
		)
		found = quanto.connector().consents()
		assert [one.consent_id for one in found] == [f"urn:banco:{place}" for place in range(3)]
		assert {one.session_id for one in found} == {SESSION} and json.loads(found[0].payload) == rows[0]


class TestDelete:
	@pytest.mark.parametrize(
		"reply",
		[
			(204, None),
			(404, refused("NAO_ENCONTRADO")),
			(422, refused("CONSENTIMENTO_EM_STATUS_REJEITADO")),
			(422, refused("CONSENTIMENTO_JA_REJEITADO")),
		],
	)
	def test_gone_is_gone(self, quanto, reply):
		quanto.on(f"DELETE /v1/consents/{CONSENT}", reply)
		speaks = quanto.connector()
		speaks.delete_consent(CONSENT)
		speaks.delete_item(None, CONSENT)
		assert len(quanto.requests) == 2

	def test_other_refusals_are_refusals(self, quanto):
		quanto.on(f"DELETE /v1/consents/{CONSENT}", (422, refused("ERRO_NAO_MAPEADO")))
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().delete_consent(CONSENT)


class TestExtend:
	UNTIL = datetime(2028, 5, 1, tzinfo=timezone.utc)

	def extend(self, quanto, until=UNTIL, identity=None, presence=PRESENCE):
		identity = identity or Identity(Secret(CPF))
		return quanto.connector().extend_consent(CONSENT, identity, until, presence)

	@pytest.mark.parametrize("until", [UNTIL, None])
	@pytest.mark.parametrize("business", [None, Secret(CNPJ)])
	def test_what_is_sent_is_open_finances(self, quanto, until, business):
		ofb_spec.needed()
		quanto.on(
			f"POST /v1/consents/{CONSENT}/extends", (201, consent(expirationDateTime="2028-05-01T00:00:00Z"))
		)
		found = self.extend(quanto, until, Identity(Secret(CPF), business))
		assert found.expires_at == self.UNTIL and found.approval is Approval.SINGLE
		request = quanto.requests[0]
		assert request.headers["x-fapi-customer-ip-address"] == "192.0.2.10"
		assert request.headers["x-customer-user-agent"] == "Firefox/1"
		ofb_spec.check_request(
			"consents", "POST", f"/consents/{CONSENT}/extends", request.headers, request.body
		)
		data = json.loads(request.body)["data"]
		assert data.get("expirationDateTime") == (until and "2028-05-01T00:00:00Z")
		assert ("businessEntity" in data) == (business is not None)

	@pytest.mark.parametrize("presence", [Presence("192.0.2.10"), Presence("", user_agent="x")])
	def test_the_person_has_to_be_there(self, quanto, presence):
		with pytest.raises(errors.InvalidRequest, match="browser"):
			self.extend(quanto, presence=presence)
		assert not quanto.requests

	def test_the_past_is_no_end(self, quanto):
		with pytest.raises(errors.InvalidRequest):
			self.extend(quanto, until=NOW)

	@pytest.mark.parametrize(
		"code",
		[
			"DEPENDE_MULTIPLA_ALCADA",
			"ESTADO_CONSENTIMENTO_INVALIDO",
			"DATA_EXPIRACAO_INVALIDA",
			"REFRESH_TOKEN_JWT",
		],
	)
	def test_refusals_say_why(self, quanto, code):
		quanto.on(f"POST /v1/consents/{CONSENT}/extends", (422, refused(code)))
		with pytest.raises(errors.InvalidRequest) as caught:
			self.extend(quanto)
		assert caught.value.provider_code == code and len(quanto.requests) == 1

	@pytest.mark.parametrize(
		("status", "code", "kind"),
		[
			(401, "X", errors.ConsentRequired),
			(401, "API_KEY_INVALID", errors.ConfigurationError),
			(401, "CHAVE_DE_API_INVALIDA", errors.ConfigurationError),
			(403, "X", errors.InvalidRequest),
			(404, "X", errors.NotFound),
		],
	)
	def test_a_stranger_and_an_ended_consent_are_no_matter_of_the_api_key(self, quanto, status, code, kind):
		quanto.on(f"POST /v1/consents/{CONSENT}/extends", (status, refused(code)))
		with pytest.raises(errors.ProviderError) as caught:
			self.extend(quanto)
		assert type(caught.value) is kind and CPF not in str(caught.value)


def test_tokens_are_the_applications(quanto):
	speaks = quanto.connector()
	assert speaks.token_holder is TokenHolder.APPLICATION and speaks.reads_by_date is True
	assert speaks.create_user("user-1") == "user-1"
	speaks.delete_user("user-1")
	assert not quanto.requests
