"""Setting us up at Quanto: each call's body, what comes back, what a refusal says (quanto_ofb.md 1, 2.3)."""

import json
from datetime import datetime, timezone

import pytest
from quanto_stub import CNPJ, KEY, Quanto, refused

from bank_api.connectors import errors
from bank_api.connectors.model import KeyPair, Secret
from bank_api.connectors.onboarding import (
	Contact,
	Credentials,
	Institution,
	Subscription,
	Theme,
	UploadedCertificate,
)

INSTITUTION = Institution(
	"Empresa Ltda",
	"11.222.333/0001-81",
	(
		Contact("Technical", "Ana Lima", "ana@example.com", "+55 11 5555"),
		Contact("Security", "Rui", "r@example.com"),
	),
)
PAIR = KeyPair("-----BEGIN CERTIFICATE-----\nA\n", Secret("-----BEGIN PRIVATE KEY-----\nB\n"))
HELD = {
	"certificateId": "cert-1",
	"type": "TRANSPORT",
	"subject": "CN=x",
	"issuer": "CN=y",
	"serial": "0A",
	"notBefore": "2026-01-01T00:00:00Z",
	"notAfter": "2027-01-01T00:00:00Z",
	"fingerprintSha256": "AA:BB",
}
IDS = Credentials("org-1", "software-1", "client-1", ("https://gateway.example/bank-api/return",))
SUBSCRIPTION = Subscription(
	"https://gateway.example/hook", ("sharing.completed", "sharing.revoked"), Secret("s3cret")
)


@pytest.fixture
def quanto():
	with Quanto() as server:
		yield server


def sent(quanto):
	return json.loads(quanto.requests[-1].body)


class TestOnboarding:
	def test_the_form_and_the_key(self, quanto):
		quanto.on("POST /onboarding/one-time", (201, {"apiKeyId": "id-1", "apiKey": "fresh-key"}))
		made = quanto.connector(key="").onboard(f"{quanto.url}/onboarding/one-time", INSTITUTION)
		assert (made.key_id, made.key.reveal()) == ("id-1", "fresh-key") and "fresh-key" not in repr(made)
		assert sent(quanto) == {
			"institution": {"name": "Empresa Ltda", "cnpj": CNPJ},
			"contacts": [
				{"type": "Technical", "name": "Ana Lima", "email": "ana@example.com", "phone": "+55 11 5555"},
				{"type": "Security", "name": "Rui", "email": "r@example.com"},
			],
		}
		assert "authorization" not in quanto.requests[0].headers

	@pytest.mark.parametrize("status", [401, 403, 404, 409, 410])
	def test_a_link_that_is_used_up(self, quanto, status):
		quanto.on("POST /onboarding/one-time", (status, refused("INDISPONIVEL")))
		with pytest.raises(errors.ConsentRequired, match="new one"):
			quanto.connector().onboard(f"{quanto.url}/onboarding/one-time", INSTITUTION)
		assert len(quanto.requests) == 1

	def test_a_field_that_is_refused_is_named(self, quanto):
		quanto.on("POST /onboarding/one-time", (422, refused("CAMPO", field="contacts[0].email")))
		with pytest.raises(errors.InvalidRequest, match=r"contacts\[0\]\.email"):
			quanto.connector().onboard(f"{quanto.url}/onboarding/one-time", INSTITUTION)

	@pytest.mark.parametrize(
		"link",
		[
			"",
			"onboarding/x",
			"https://evil.example/onboarding/x",
			"https://user@127.0.0.1/x",
			"file:///etc/passwd",
			"http://[::1",
		],
	)
	def test_links_to_others_get_nothing(self, quanto, link):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().onboard(link, INSTITUTION)
		assert not quanto.requests

	def test_a_host_that_is_named(self, quanto):
		quanto.on("POST /o/x", {"apiKeyId": "i", "apiKey": "k"})
		speaks = quanto.connector(onboarding_hosts="localhost")
		assert (
			speaks.onboard(quanto.url.replace("127.0.0.1", "localhost") + "/o/x", INSTITUTION).key_id == "i"
		)

	@pytest.mark.parametrize(
		"institution",
		[Institution("X", CNPJ, ()), Institution("X", "11222333000182", INSTITUTION.contacts)],
	)
	def test_what_the_form_would_refuse(self, quanto, institution):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().onboard(f"{quanto.url}/onboarding/x", institution)
		assert not quanto.requests

	def test_an_answer_without_its_key(self, quanto):
		quanto.on("POST /onboarding/x", {"apiKeyId": "i"})
		with pytest.raises(errors.MalformedResponse):
			quanto.connector().onboard(f"{quanto.url}/onboarding/x", INSTITUTION)


class TestCertificates:
	@pytest.mark.parametrize(("usage", "word"), [("Transport", "TRANSPORT"), ("Signing", "SIGNATURE")])
	def test_upload(self, quanto, usage, word):
		quanto.on("POST /v1/certificates", (201, HELD | {"type": word}))
		made = quanto.connector().upload_certificate(usage, PAIR)
		assert sent(quanto) == {"type": word, "certificate": PAIR.chain, "privateKey": PAIR.key.reveal()}
		assert made == UploadedCertificate(
			"cert-1", usage, "CN=x", "0A", datetime(2027, 1, 1, tzinfo=timezone.utc), "aabb"
		)

	def test_no_other_usage(self, quanto):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().upload_certificate("Commercial", PAIR)

	def test_a_key_in_no_error(self, quanto):
		quanto.on("POST /v1/certificates", (422, refused("CHAVE_NAO_CORRESPONDE", field="privateKey")))
		with pytest.raises(errors.InvalidRequest) as caught:
			quanto.connector().upload_certificate("Transport", PAIR)
		assert "PRIVATE" not in repr(caught.value) and caught.value.provider_code == "CHAVE_NAO_CORRESPONDE"
		assert len(quanto.requests) == 1

	@pytest.mark.parametrize("body", [[HELD], {"data": [HELD], "meta": {}}])
	def test_the_list(self, quanto, body):
		quanto.on("GET /v1/certificates", body)
		(held,) = quanto.connector().certificates()
		assert (held.certificate_id, held.usage) == ("cert-1", "Transport")

	def test_deleting(self, quanto):
		quanto.on("DELETE /v1/certificates/cert-1", (204, None), (404, refused("NAO_ENCONTRADO")))
		for _ in range(2):
			quanto.connector().delete_certificate("cert-1")


class TestCredentials:
	def test_told_and_read(self, quanto):
		told = {
			"organizationId": "org-1",
			"softwareStatementId": "software-1",
			"clientId": "client-1",
			"redirectUris": ["https://gateway.example/bank-api/return"],
		}
		quanto.on("PUT /v1/credentials", (200, told))
		quanto.on("GET /v1/credentials", told)
		speaks = quanto.connector()
		speaks.register_credentials(IDS)
		assert sent(quanto) == told
		assert speaks.credentials() == IDS
		speaks.check()

	@pytest.mark.parametrize("reply", [(404, refused("NAO_ENCONTRADO")), (200, {})])
	def test_none_yet(self, quanto, reply):
		quanto.on("GET /v1/credentials", reply)
		assert quanto.connector().credentials() is None
		quanto.connector().check()

	def test_a_put_may_be_repeated(self, quanto):
		quanto.on("PUT /v1/credentials", (503, ""), (204, None))
		quanto.connector().register_credentials(IDS)
		assert len(quanto.requests) == 2

	def test_a_key_that_is_refused(self, quanto):
		quanto.on("GET /v1/credentials", (401, refused("CHAVE_DE_API_INVALIDA")))
		with pytest.raises(errors.ConfigurationError, match="API key") as caught:
			quanto.connector().check()
		assert KEY not in str(caught.value)


class TestTheme:
	def test_both_products(self, quanto):
		speaks = quanto.connector()
		assert list(speaks.products()) == ["tsp", "consent-management"]
		theme = Theme(
			"data:image/png;base64,AA==", {"primary": "#112233"}, "Inter", {"title": "Olá"}, "Conciliação"
		)
		for product in speaks.products():
			quanto.on(f"PUT /v1/whitelabel/{product}", (204, None))
			speaks.put_theme(product, theme)
			assert sent(quanto) == {
				"logoUrl": "data:image/png;base64,AA==",
				"colors": {"primary": "#112233"},
				"fonts": {"family": "Inter"},
				"texts": {"title": "Olá"},
				"purpose": "Conciliação",
			}

	def test_no_other_product(self, quanto):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().put_theme("payments", Theme())


class TestWebhook:
	def test_made_changed_read_pinged_deleted(self, quanto):
		quanto.on("POST /v1/webhooks", (201, {"webhookId": "wh-1"}))
		quanto.on("PUT /v1/webhooks/wh-1", (200, {"webhookId": "wh-1"}))
		quanto.on(
			"GET /v1/webhooks/wh-1", {"url": SUBSCRIPTION.url, "events": ["sharing.revoked"], "active": False}
		)
		quanto.on("POST /v1/webhooks/wh-1/test", (202, {}))
		quanto.on("DELETE /v1/webhooks/wh-1", (204, None))
		speaks = quanto.connector()
		assert speaks.put_webhook("", SUBSCRIPTION) == "wh-1"
		assert sent(quanto) == {
			"url": SUBSCRIPTION.url,
			"events": ["sharing.completed", "sharing.revoked"],
			"secret": "s3cret",
			"active": True,
		}
		assert speaks.put_webhook("wh-1", SUBSCRIPTION) == "wh-1" and quanto.requests[-1].method == "PUT"
		held = speaks.webhook("wh-1")
		assert (held.url, held.events, held.active, held.secret.reveal()) == (
			SUBSCRIPTION.url,
			("sharing.revoked",),
			False,
			"",
		)
		speaks.ping_webhook("wh-1")
		speaks.delete_webhook("wh-1")

	def test_one_that_quanto_does_not_know(self, quanto):
		speaks = quanto.connector()
		assert speaks.webhook("wh-9") is None
		speaks.delete_webhook("wh-9")
		with pytest.raises(errors.NotFound):
			speaks.ping_webhook("wh-9")

	@pytest.mark.parametrize("events", [(), ("payment.done",)])
	def test_events_that_there_are_none_of(self, quanto, events):
		with pytest.raises(errors.InvalidRequest):
			quanto.connector().put_webhook("", Subscription("https://x", events, Secret("s")))

	def test_event_types(self, quanto):
		assert list(quanto.connector().event_types()) == [
			"sharing.completed",
			"sharing.completed.multiple_approval",
			"sharing.revoked",
		]
