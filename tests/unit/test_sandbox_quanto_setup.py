"""Setting an institution up at the simulated Quanto: nothing is taken that the real rules refuse (requirements 1.4 to 2.5)."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from quanto_harness import RETURN, Quanto, errors_of, interaction, running_quanto, session_body
from sandbox_harness import receiving

from bank_api.sandbox.quanto.client import ORGANIZATION, SOFTWARE, Setup, seal_request, transport_request
from bank_api.sandbox.quanto.documents import is_cnpj, is_cpf, masked

FORM: dict[str, Any] = {
	"institution": {"name": "Cliente Ltda", "cnpj": "11222333000181"},
	"contacts": [
		{"type": "Technical", "name": "Ana Lima", "email": "ana@cliente.example", "phone": "+55 11 5555"}
	],
}
CREDENTIALS = {
	"organizationId": ORGANIZATION,
	"softwareStatementId": SOFTWARE,
	"clientId": "Cki1EbvjwyhPB12NGLlz2",
	"redirectUris": [RETURN],
}
OTHER = "11111111-2222-4333-8444-555555555555"
HOOK = {
	"url": "https://gateway.sim.example/hook",
	"events": ["sharing.revoked"],
	"secret": "a-secret-of-some-length",
}


@pytest.fixture(scope="module")
def quanto() -> Iterator[Quanto]:
	with running_quanto() as found:
		yield found


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
	return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def fresh(quanto: Quanto) -> Setup:
	"""An institution that has nothing but its API key."""
	answer = requests.post(quanto.sandbox.onboarding_link(), json=FORM, timeout=10)
	assert answer.status_code == 201, answer.text
	return Setup(quanto.setup.url, answer.json()["apiKey"])


def pem(key: rsa.RSAPrivateKey, passphrase: str = "") -> str:
	encryption: Any = serialization.NoEncryption()
	if passphrase:
		encryption = serialization.BestAvailableEncryption(passphrase.encode())
	return key.private_bytes(
		serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
	).decode()


def upload(setup: Setup, usage: str, chain: str, key: str, **values: str) -> requests.Response:
	body = {"type": usage, "certificate": chain, "privateKey": key, **values}
	return setup.call("POST", "/v1/certificates", json=body)


# onboarding
def test_the_onboarding_link_serves_once(quanto: Quanto) -> None:
	link = quanto.sandbox.onboarding_link()
	assert requests.post(link, json=FORM, timeout=10).status_code == 201
	assert requests.post(link, json=FORM, timeout=10).status_code == 410
	assert requests.get(link, timeout=10).status_code == 410
	assert requests.post(link + "x", json=FORM, timeout=10).status_code == 404


def test_the_onboarding_link_expires(quanto: Quanto) -> None:
	link = quanto.sandbox.onboarding_link()
	quanto.control.advance(7 * 86_400 + 1)
	try:
		assert requests.post(link, json=FORM, timeout=10).status_code == 410
	finally:
		quanto.control.advance(-7 * 86_400 - 1)


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"institution": {"name": "", "cnpj": "11222333000181"}}, "institution.name"),
		({"institution": {"name": "X", "cnpj": "11222333000182"}}, "institution.cnpj"),
		({"contacts": []}, "contacts"),
		({"contacts": [{"type": "Friend", "name": "A", "email": "a@b.cd"}]}, "contacts[0].type"),
		({"contacts": [{"type": "Billing", "name": "A", "email": "nobody"}]}, "contacts[0].email"),
	],
)
def test_a_wrong_form_names_its_field_and_leaves_the_link_good(
	quanto: Quanto, change: dict[str, Any], field: str
) -> None:
	link = quanto.sandbox.onboarding_link()
	answer = requests.post(link, json=FORM | change, timeout=10)
	assert answer.status_code == 422
	assert answer.json()["errors"][0]["field"] == field
	assert requests.post(link, json=FORM, timeout=10).status_code == 201


def test_the_form_works_in_a_browser_and_shows_the_key(quanto: Quanto) -> None:
	link = quanto.sandbox.onboarding_link()
	page = requests.get(link, headers={"Accept-Language": "he"}, timeout=10)
	assert 'dir="rtl"' in page.text and 'data-step="onboarding"' in page.text
	values = {
		"name": "Empresa",
		"cnpj": "11222333000181",
		"type": "Business",
		"contact_name": "Eva",
		"contact_email": "wrong",
	}
	assert requests.post(link, data=values, timeout=10).status_code == 422
	done = requests.post(link, data=values | {"contact_email": "eva@empresa.example"}, timeout=10)
	shown = done.text.partition('id="api-key">')[2].partition("<")[0]
	assert Setup(quanto.setup.url, shown).call("GET", "/v1/certificates").status_code == 200


# the key and the interaction id
def test_every_call_needs_a_key(quanto: Quanto) -> None:
	url, mark = f"{quanto.setup.url}/v1/consents", {"x-fapi-interaction-id": interaction()}
	for headers in (
		{},
		{"Authorization": "Bearer wrong"},
		{"Authorization": f"Basic {quanto.setup.api_key}"},
	):
		answer = requests.get(url, headers=headers | mark, timeout=10)
		assert (answer.status_code, errors_of(answer)) == (401, ["CHAVE_DE_API_INVALIDA"])


def test_a_revoked_key_is_dead_and_a_new_one_works(quanto: Quanto) -> None:
	tenant = quanto.sandbox.tenants()[0]["id"]
	made = quanto.sandbox.new_key(tenant)
	setup = Setup(quanto.setup.url, made["apiKey"])
	assert setup.call("GET", "/v1/credentials").status_code == 200
	quanto.sandbox.revoke_key(made["apiKeyId"])
	assert setup.call("GET", "/v1/credentials").status_code == 401


def test_the_interaction_id_is_needed_and_echoed(quanto: Quanto) -> None:
	mark = interaction()
	answer = quanto.call("GET", "/v1/consents", headers={"x-fapi-interaction-id": mark})
	assert answer.headers["x-fapi-interaction-id"] == mark
	answer = quanto.call("GET", "/v1/consents", headers={"x-fapi-interaction-id": "17"})
	assert answer.status_code == 400
	assert answer.headers["x-fapi-interaction-id"] not in ("", "17")


def test_the_header_of_the_key_is_a_switch(quanto: Quanto) -> None:
	quanto.sandbox.switches(auth_header="x-api-key", auth_prefix="")
	try:
		headers = {"x-api-key": quanto.setup.api_key, "x-fapi-interaction-id": interaction()}
		answer = requests.get(f"{quanto.setup.url}/v1/consents", headers=headers, timeout=10)
		assert answer.status_code == 200
		assert quanto.call("GET", "/v1/consents").status_code == 401
	finally:
		quanto.sandbox.switches(auth_header="Authorization", auth_prefix="Bearer ")


# certificates
def test_both_certificates_are_taken_and_the_key_never_comes_back(
	quanto: Quanto, fresh: Setup, key: rsa.RSAPrivateKey
) -> None:
	for usage, profile, make, level in (
		("TRANSPORT", "BRCAC", transport_request, "SOFTWARE_STATEMENT"),
		("SIGNATURE", "BRSEAL", seal_request, "ORGANISATION"),
	):
		issued = quanto.sandbox.issue(make(key, ORGANIZATION, SOFTWARE), profile)
		answer = upload(fresh, usage, issued["chain"], pem(key))
		assert answer.status_code == 201, answer.text
		assert answer.json()["serial"] == issued["serial"]
		assert answer.json()["level"] == level
	listed = fresh.call("GET", "/v1/certificates")
	assert len(listed.json()["data"]) == 2
	assert "PRIVATE" not in listed.text
	for row in listed.json()["data"]:
		assert fresh.call("DELETE", f"/v1/certificates/{row['certificateId']}").status_code == 204
	assert fresh.call("GET", "/v1/certificates").json()["data"] == []
	assert fresh.call("DELETE", f"/v1/certificates/{OTHER}").status_code == 404


def test_a_certificate_at_the_wrong_level_is_refused(
	quanto: Quanto, fresh: Setup, key: rsa.RSAPrivateKey
) -> None:
	transport = quanto.sandbox.issue(transport_request(key, ORGANIZATION, SOFTWARE), "BRCAC")["chain"]
	seal = quanto.sandbox.issue(seal_request(key, ORGANIZATION), "BRSEAL")["chain"]
	for usage, chain in (("SIGNATURE", transport), ("TRANSPORT", seal)):
		answer = upload(fresh, usage, chain, pem(key))
		assert (answer.status_code, errors_of(answer)) == (422, ["CERTIFICADO_NO_NIVEL_ERRADO"])


@pytest.mark.parametrize(
	("options", "changed", "code"),
	[
		({"expired": True}, {}, "CERTIFICADO_FORA_DA_VALIDADE"),
		({"by": "other"}, {}, "AC_NAO_CONFIAVEL"),
		({"by": "BRSEAL"}, {}, "AC_NAO_CONFIAVEL"),
		({"digest": "sha512"}, {}, "ALGORITMO_INVALIDO"),
		({}, {"2.5.4.97": "PSDBR-1"}, "PERFIL_INVALIDO"),
		({}, {"0.9.2342.19200300.100.1.1": ""}, "PERFIL_INVALIDO"),
		({}, {"2.5.4.5": "123"}, "PERFIL_INVALIDO"),
		({}, {"2.5.4.15": "Friends"}, "PERFIL_INVALIDO"),
	],
)
def test_a_transport_certificate_is_checked(
	quanto: Quanto,
	fresh: Setup,
	key: rsa.RSAPrivateKey,
	options: dict[str, Any],
	changed: dict[str, str],
	code: str,
) -> None:
	csr = transport_request(key, ORGANIZATION, SOFTWARE, **changed)
	answer = upload(fresh, "TRANSPORT", quanto.sandbox.issue(csr, "BRCAC", **options)["chain"], pem(key))
	assert (answer.status_code, errors_of(answer)) == (422, [code])


def test_key_and_certificate_belong_together(quanto: Quanto, fresh: Setup, key: rsa.RSAPrivateKey) -> None:
	chain = quanto.sandbox.issue(transport_request(key, ORGANIZATION, SOFTWARE), "BRCAC")["chain"]
	stranger = pem(rsa.generate_private_key(65537, 2048))
	assert errors_of(upload(fresh, "TRANSPORT", chain, stranger)) == ["CHAVE_NAO_CORRESPONDE"]
	assert errors_of(upload(fresh, "TRANSPORT", chain, "no key")) == ["CHAVE_ILEGIVEL"]
	assert errors_of(upload(fresh, "TRANSPORT", "no certificate", pem(key))) == ["CERTIFICADO_ILEGIVEL"]
	locked = pem(key, "senha")
	assert errors_of(upload(fresh, "TRANSPORT", chain, locked, passphrase="wrong")) == ["CHAVE_ILEGIVEL"]
	assert upload(fresh, "TRANSPORT", chain, locked, passphrase="senha").status_code == 201


def test_a_short_key_is_refused(quanto: Quanto, fresh: Setup) -> None:
	weak = rsa.generate_private_key(65537, 1024)
	chain = quanto.sandbox.issue(transport_request(weak, ORGANIZATION, SOFTWARE), "BRCAC")["chain"]
	assert errors_of(upload(fresh, "TRANSPORT", chain, pem(weak))) == ["CHAVE_FRACA"]


# credentials
def test_credentials_and_certificates_have_to_agree_whichever_comes_first(
	quanto: Quanto, fresh: Setup, key: rsa.RSAPrivateKey
) -> None:
	def issued(organization: str, software: str) -> str:
		return quanto.sandbox.issue(transport_request(key, organization, software), "BRCAC")["chain"]

	assert fresh.call("GET", "/v1/credentials").status_code == 404
	assert upload(fresh, "TRANSPORT", issued(ORGANIZATION, OTHER), pem(key)).status_code == 201
	refused = fresh.call("PUT", "/v1/credentials", json=CREDENTIALS)
	assert (refused.status_code, errors_of(refused)) == (422, ["SOFTWARE_STATEMENT_DIVERGENTE"])
	assert upload(fresh, "TRANSPORT", issued(ORGANIZATION, SOFTWARE), pem(key)).status_code == 201
	assert fresh.call("PUT", "/v1/credentials", json=CREDENTIALS).json() == CREDENTIALS
	assert fresh.call("GET", "/v1/credentials").json() == CREDENTIALS
	assert errors_of(upload(fresh, "TRANSPORT", issued(OTHER, SOFTWARE), pem(key))) == [
		"ORGANIZACAO_DIVERGENTE"
	]
	assert len(fresh.call("GET", "/v1/certificates").json()["data"]) == 1, "the newer took the older's place"


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_each_credential_is_needed(fresh: Setup, name: str) -> None:
	answer = fresh.call("PUT", "/v1/credentials", json={k: v for k, v in CREDENTIALS.items() if k != name})
	assert answer.status_code == 422
	assert answer.json()["errors"][0]["field"] == name


# whitelabel
def test_a_theme_is_checked_and_kept_for_each_product(fresh: Setup) -> None:
	theme = {
		"logoUrl": "data:image/png;base64,AAAA",
		"colors": {"primary": "#aa0000", "on_primary": "#ffffff"},
		"fonts": {"family": "Georgia, serif"},
		"texts": {"panel_title": "Olá"},
		"purpose": "Crédito",
	}
	assert fresh.call("GET", "/v1/whitelabel/tsp").status_code == 404
	assert fresh.call("PUT", "/v1/whitelabel/tsp", json=theme).json() == theme
	assert fresh.call("GET", "/v1/whitelabel/tsp").json() == theme
	assert fresh.call("GET", "/v1/whitelabel/consent-management").status_code == 404
	assert fresh.call("PUT", "/v1/whitelabel/other", json=theme).status_code == 404
	for change in (
		{"colors": {"primary": "red"}},
		{"colors": {"border": "#000000"}},
		{"logoUrl": "data:image/svg+xml;base64,AAAA"},
		{"logoUrl": "javascript:alert(1)"},
		{"texts": {"panel_title": 1}},
		{"fonts": "Georgia"},
	):
		assert fresh.call("PUT", "/v1/whitelabel/tsp", json=theme | change).status_code == 422, change


# webhooks
def test_a_webhook_is_made_changed_and_deleted_and_its_secret_never_shown(fresh: Setup) -> None:
	made = fresh.call("POST", "/v1/webhooks", json=HOOK)
	assert made.status_code == 201
	path = f"/v1/webhooks/{made.json()['webhookId']}"
	changed = fresh.call("PUT", path, json={**HOOK, "active": False, "secret": ""})
	assert changed.json()["active"] is False
	assert fresh.call("GET", path).json() == changed.json()
	for answer in (made, changed, fresh.call("GET", "/v1/webhooks")):
		assert HOOK["secret"] not in answer.text
	assert fresh.call("DELETE", path).status_code == 204
	assert fresh.call("GET", path).status_code == 404


@pytest.mark.parametrize(
	"change",
	[{"url": "ftp://x"}, {"events": []}, {"events": ["sharing.bought"]}, {"secret": "short"}, {"secret": ""}],
)
def test_a_wrong_webhook_is_refused(fresh: Setup, change: dict[str, Any]) -> None:
	answer = fresh.call("POST", "/v1/webhooks", json=HOOK | change)
	assert answer.status_code == 422
	assert answer.json()["errors"][0]["field"] == next(iter(change))


def test_ping_reaches_a_webhook_whatever_it_is_set_up_for(quanto: Quanto, fresh: Setup) -> None:
	with receiving() as receiver:
		made = fresh.call("POST", "/v1/webhooks", json=HOOK | {"url": receiver.url}).json()
		assert fresh.call("POST", f"/v1/webhooks/{made['webhookId']}/test").status_code == 202
		assert quanto.sandbox.drain_webhooks()
		assert [b'"event": "ping"' in body for body in receiver.bodies] == [True]
		fresh.call("DELETE", f"/v1/webhooks/{made['webhookId']}")


# what a session needs
def test_no_session_before_what_it_needs_is_there(
	quanto: Quanto, fresh: Setup, key: rsa.RSAPrivateKey
) -> None:
	def missing() -> str:
		answer = fresh.call("POST", "/v1/sessions", json=session_body())
		assert (answer.status_code, errors_of(answer)) == (409, ["SETUP_INCOMPLETE"])
		return answer.json()["errors"][0]["detail"]

	assert missing() == "Missing: certificate TRANSPORT, certificate SIGNATURE, credentials."
	for usage, profile, make in (
		("TRANSPORT", "BRCAC", transport_request),
		("SIGNATURE", "BRSEAL", seal_request),
	):
		chain = quanto.sandbox.issue(make(key, ORGANIZATION, SOFTWARE), profile, days=30)["chain"]
		assert upload(fresh, usage, chain, pem(key)).status_code == 201
	assert missing() == "Missing: credentials."
	fresh.call("PUT", "/v1/credentials", json=CREDENTIALS)
	assert fresh.call("POST", "/v1/sessions", json=session_body()).status_code == 201
	quanto.control.advance(31 * 86_400)
	try:
		assert missing() == "Missing: certificate TRANSPORT (expired), certificate SIGNATURE (expired)."
	finally:
		quanto.control.advance(-31 * 86_400)


# numbers of persons and companies
def test_check_digits() -> None:
	assert all(map(is_cpf, ("11144477735", "52998224725")))
	assert not any(map(is_cpf, ("11144477736", "11111111111", "1114447773", "")))
	assert all(map(is_cnpj, ("11222333000181", "33400689000109", "12ABC34501DE35")))
	assert not any(map(is_cnpj, ("11222333000182", "00000000000000", "12abc34501de35")))
	assert "111" not in masked("11144477735") and "11" not in masked("11222333000181")[:3]
