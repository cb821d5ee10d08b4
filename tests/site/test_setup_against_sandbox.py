"""The guided set-up over real HTTP: the simulated Quanto takes every step, or says what is wrong, and the admin reads it."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from bank_api.bank_api.page.bank_api_setup import bank_api_setup as page
from bank_api.gateway import providers, setup
from bank_api.gateway.errors import NotConfigured
from bank_api.gateway.ids import row_name
from bank_api.gateway.setup_model import Scene
from bank_api.sandbox.quanto.hooks import sign

PROVIDER = "Bank API Provider"
PUBLIC_URL = "https://gateway.example"
ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "10120340-3318-4baf-99e2-0b56729c4ab2"
PROFILES = {"signing": "BRSEAL", "transport": "BRCAC"}


@pytest.fixture
def provider(db: Any, sandbox: Any) -> Iterator[str]:
	db.set_user("Administrator")
	db.conf["bank_api_allow_http"] = 1
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	name = f"Quanto {row_name()}"
	db.get_doc(
		{
			"doctype": PROVIDER,
			"provider_name": name,
			"connector": "quanto",
			"api_base_url": sandbox.quanto.url,
			"environment": "Sandbox",
		}
	).insert()
	db.db.commit()
	providers._connectors.clear()
	yield name
	db.db.set_value(PROVIDER, name, "enabled", 0)
	db.db.commit()


def press(name: str, key: str, action: str, **values: Any) -> None:
	page.run_step(name, key, action, json.dumps(values))


def step(name: str, key: str) -> Any:
	return next(one for one in setup.steps(name) if one.key == key)


def state(name: str, key: str) -> str:
	return step(name, key).state.value


def directory(name: str, organization: str = ORGANIZATION) -> None:
	press(
		name,
		"organization",
		"save",
		organization_id=organization,
		institution_name="Crédito Exemplo S.A.",
		institution_number="11.222.333/0001-81",
	)
	press(
		name,
		"software",
		"save",
		software_statement_id=SOFTWARE,
		directory_client_id="Cki1EbvjwyhPB12NGLlz2",
		redirect_uris=f"{PUBLIC_URL}/bank-api/return",
	)


def certify(name: str, sandbox: Any, **spoilt: Any) -> None:
	for key, profile in PROFILES.items():
		press(
			name,
			key,
			"create",
			title=f"{profile} {row_name()}",
			responsible="Ana Souza",
			dns_names="bank.example.com",
			locality="Campinas",
			state="São Paulo",
		)
		(request,) = step(name, key).shown.facts
		issued = sandbox.quanto.issue(request.value, profile, **spoilt)
		chain = issued["chain"] if isinstance(issued["chain"], str) else "".join(issued["chain"])
		press(name, key, "upload", file=base64.b64encode(chain.encode()).decode())
	doc = Scene(name).doc
	press(
		name,
		"levels",
		"confirm",
		organization_level=doc.signing_certificate,
		software_level=doc.transport_certificate,
	)


def onboard(name: str, sandbox: Any) -> None:
	contact = {
		"kind": "Technical",
		"contact_name": "Ana Souza",
		"email": "ana@example.com",
		"phone": "+55 11 4000",
	}
	press(name, "contacts", "save", contacts=[contact])
	press(name, "api_key", "onboard", onboarding_link=sandbox.quanto.onboarding_link())


def tenant(sandbox: Any, name: str) -> dict[str, Any]:
	key = Scene(name).secret("client_secret").reveal()
	headers = {
		"Authorization": f"Bearer {key}",
		"x-fapi-interaction-id": "c8a1f0d2-5a2f-4c3f-9b6a-0c6e7a6b2f11",
	}

	def read(path: str) -> Any:
		return requests.get(sandbox.quanto.url + path, headers=headers, timeout=10).json()

	return {
		"certificates": read("/v1/certificates")["data"],
		"credentials": read("/v1/credentials"),
		"webhooks": read("/v1/webhooks")["data"],
		"theme": read("/v1/whitelabel/tsp"),
	}


def test_the_whole_way(db: Any, sandbox: Any, provider: str):
	directory(provider)
	certify(provider, sandbox)
	onboard(provider, sandbox)
	press(provider, "api_key", "test")
	with pytest.raises(NotConfigured, match="Hand the certificates"):
		setup.require_ready(provider)
	press(provider, "upload", "upload")
	press(provider, "ids", "tell")
	setup.require_ready(provider)
	look = db.get_doc({"doctype": "Bank API Whitelabel", "title": f"L {row_name()}"}).insert()
	db.db.commit()
	press(provider, "whitelabel", "send", whitelabel=look.name, language="Portuguese (Brazil)")
	press(provider, "webhook", "save", events=["sharing.completed", "sharing.revoked"])
	found = tenant(sandbox, provider)
	doc = Scene(provider).doc
	assert {one["certificateId"]: one["type"] for one in found["certificates"]} == {
		doc.transport_certificate_id: "TRANSPORT",
		doc.signing_certificate_id: "SIGNATURE",
	}
	assert "privateKey" not in json.dumps(found)
	assert found["credentials"]["softwareStatementId"] == SOFTWARE
	assert found["credentials"]["redirectUris"] == [f"{PUBLIC_URL}/bank-api/return"]
	(hook,) = found["webhooks"]
	assert hook["webhookId"] == doc.webhook_id and hook["url"] == doc.webhook_address
	assert hook["events"] == ["sharing.completed", "sharing.revoked"]
	assert found["theme"]["colors"]["primary"].startswith("#")
	assert {one.key for one in setup.steps(provider) if one.state.value != "done"} == {"webhook_test"}


def test_a_test_event_that_the_sandbox_signs_is_taken_in(db: Any, sandbox: Any, provider: str):
	from bank_api.gateway import inbox

	directory(provider)
	onboard(provider, sandbox)
	press(provider, "webhook", "save", events=["sharing.completed"])
	press(provider, "webhook_test", "ping")
	assert state(provider, "webhook_test") == "waiting"
	body, headers = signed_ping(provider)
	assert inbox.receive("quanto", provider, body, headers).status == 200
	db.db.rollback()
	assert state(provider, "webhook_test") == "done"


def signed_ping(provider: str) -> tuple[bytes, dict[str, str]]:
	"""As the sandbox signs one; here nothing listens that it could send it to."""
	moment = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
	body = json.dumps({"eventId": row_name(), "event": "ping", "occurredAt": moment}).encode()
	stamp = str(int(time.time()))
	secret = Scene(provider).secret("webhook_secret").reveal()
	return body, {"X-Quanto-Timestamp": stamp, "X-Quanto-Signature": sign(secret, stamp, body)}


def test_the_link_works_once(db: Any, sandbox: Any, provider: str):
	directory(provider)
	contact = {"kind": "Business", "contact_name": "Ana", "email": "ana@example.com"}
	press(provider, "contacts", "save", contacts=[contact])
	link = sandbox.quanto.onboarding_link()
	press(provider, "api_key", "onboard", onboarding_link=link)
	press(provider, "api_key", "enter", api_key="qt_wrong")
	with pytest.raises(db.ValidationError, match="API key"):
		press(provider, "api_key", "test")
	db.db.rollback()
	db.db.set_value(PROVIDER, provider, "client_secret", None)
	from frappe.utils.password import remove_encrypted_password

	remove_encrypted_password(PROVIDER, provider, "client_secret")
	db.db.commit()
	with pytest.raises(db.ValidationError, match="Ask the provider for a new one"):
		press(provider, "api_key", "onboard", onboarding_link=link)
	with pytest.raises(db.ValidationError, match="does not lead to Quanto"):
		press(provider, "api_key", "onboard", onboarding_link="https://elsewhere.example/onboarding/x")


def test_a_certificate_of_another_authority_is_refused_by_the_provider_in_words(
	db: Any, sandbox: Any, provider: str
):
	directory(provider)
	certify(provider, sandbox, by="other")
	onboard(provider, sandbox)
	with pytest.raises(db.ValidationError, match="The provider's code: AC_NAO_CONFIAVEL"):
		press(provider, "upload", "upload")
	db.db.rollback()
	assert state(provider, "upload") == "next"
	assert not Scene(provider).doc.transport_certificate_id


def test_a_provider_that_is_down_says_so_and_the_page_still_opens(db: Any, sandbox: Any, provider: str):
	directory(provider)
	onboard(provider, sandbox)
	db.db.set_value(PROVIDER, provider, "api_base_url", "http://127.0.0.1:9")
	db.db.commit()
	assert state(provider, "webhook") == "next"
	with pytest.raises(db.ValidationError, match="does not answer"):
		press(provider, "webhook", "save", events=["sharing.completed"])
