"""The guided set-up: what comes next, doing it, losing an answer and going on, what an end user's visit needs."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from authority import Authority
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from fake_setup import EVENTS, LINK, FakeProvider, FakeSetup

from bank_api.bank_api.page.bank_api_setup import bank_api_setup as page
from bank_api.gateway import certificates, setup
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import NotConfigured
from bank_api.gateway.ids import row_name
from bank_api.gateway.setup_model import Scene

PROVIDER, CERTIFICATE, EVENT = "Bank API Provider", "Bank API Certificate", "Bank API Webhook Event"
PUBLIC_URL = "https://gateway.example"
ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "10120340-3318-4baf-99e2-0b56729c4ab2"
OTHER = "f2646fa1-0000-4000-8000-000000000000"
FORMS = {
	"organization": {
		"organization_id": ORGANIZATION.upper(),
		"institution_name": "Crédito Exemplo S.A.",
		"institution_number": "11.222.333/0001-81",
	},
	"software": {
		"software_statement_id": SOFTWARE,
		"directory_client_id": "client-1",
		"redirect_uris": f"{PUBLIC_URL}/bank-api/return\nhttps://shop.example/back",
	},
	"contacts": {
		"contacts": [
			{
				"kind": "Technical",
				"contact_name": "Ana Souza",
				"email": "ana@example.com",
				"phone": "+55 11 4000",
			}
		]
	},
	"transport": {"dns_names": "bank.example.com", "locality": "Campinas", "state": "São Paulo"},
	"signing": {"units": "AC Exemplo", "responsible": "Ana Souza"},
}


@pytest.fixture(scope="module")
def authority() -> Authority:
	return Authority()


@pytest.fixture
def provider(db: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
	"""A provider that nothing is known of; it has the steps of the real one."""
	from bank_api.connectors import registry
	from bank_api.gateway import providers

	monkeypatch.setitem(registry.CONNECTORS, "quanto", FakeSetup)
	monkeypatch.setattr(FakeSetup, "provider", FakeProvider())
	providers._connectors.clear()
	db.set_user("Administrator")
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	name = f"Quanto {row_name()}"
	db.get_doc(
		{
			"doctype": PROVIDER,
			"provider_name": name,
			"connector": "quanto",
			"api_base_url": "https://fake.example",
			"environment": "Sandbox",
		}
	).insert()
	db.db.commit()
	yield name
	providers._connectors.clear()


@pytest.fixture
def fake(provider: str) -> FakeProvider:
	return FakeSetup.provider


def states(name: str) -> dict[str, str]:
	return {step.key: step.state.value for step in setup.steps(name)}


def step(name: str, key: str) -> Any:
	return next(one for one in setup.steps(name) if one.key == key)


def press(name: str, key: str, action: str = "", **values: Any) -> dict[str, Any]:
	action = action or step(name, key).shown.actions[0].key
	return page.run_step(name, key, action, json.dumps(values))


def refused(db: Any, match: str, *arguments: Any, **values: Any) -> None:
	with pytest.raises(db.ValidationError, match=match):
		press(*arguments, **values)
	db.db.rollback()


def fill(name: str, *keys: str) -> None:
	for key in keys:
		press(name, key, "create" if key in ("transport", "signing") else "save", **_form(name, key))


def _form(name: str, key: str) -> dict[str, Any]:
	titles = {"title": f"{key} {row_name()}"} if key in ("transport", "signing") else {}
	return FORMS[key] | titles


def issue(name: str, key: str, authority: Authority) -> dict[str, str]:
	"""What the authority makes of a step's request."""
	(request,) = step(name, key).shown.facts
	return {"file": base64.b64encode(authority.chain(authority.issue(request.value))).decode()}


def certify(name: str, authority: Authority) -> None:
	fill(name, "organization", "software", "signing", "transport")
	for key in ("signing", "transport"):
		press(name, key, "upload", **issue(name, key, authority))
	confirm_levels(name)


def confirm_levels(name: str) -> None:
	doc = Scene(name).doc
	press(
		name,
		"levels",
		organization_level=doc.signing_certificate,
		software_level=doc.transport_certificate,
	)


def complete(name: str, authority: Authority) -> None:
	certify(name, authority)
	fill(name, "contacts")
	press(name, "api_key", "onboard", onboarding_link=LINK)
	press(name, "upload")
	press(name, "ids")


# --- the order


def test_at_first_only_what_needs_nothing_can_be_done(provider: str):
	assert {key for key, state in states(provider).items() if state == "next"} == {"organization", "contacts"}
	assert states(provider)["address"] == "done"
	blocked = step(provider, "software")
	assert blocked.state.value == "blocked" and "Register the organization" in blocked.shown.reason
	assert blocked.shown.actions == ()


def test_without_an_address_nothing_that_names_it_can_be_done(
	db: Any, provider: str, monkeypatch: pytest.MonkeyPatch
):
	db.db.set_single_value("Bank API Settings", "public_url", "")
	assert states(provider)["address"] == "next"
	fill(provider, "organization")
	assert "The address of this gateway" in step(provider, "software").shown.reason
	monkeypatch.setitem(db.conf, "bank_api_allow_http", 0)
	monkeypatch.setitem(db.conf, "developer_mode", 0)
	refused(db, "https", provider, "address", public_url="http://gateway.example")
	press(provider, "address", public_url=PUBLIC_URL)
	assert states(provider)["software"] == "next"


def test_the_whole_way(provider: str, fake: FakeProvider, authority: Authority):
	with pytest.raises(NotConfigured, match="Get the API key"):
		setup.require_ready(provider)
	complete(provider, authority)
	assert set(states(provider).values()) == {"done", "next", "blocked"}
	setup.require_ready(provider)
	press(provider, "webhook", "save", events=list(EVENTS))
	press(provider, "webhook_test", "ping")
	assert states(provider)["webhook_test"] == "waiting"
	assert page.get_steps(provider)["ready"]
	assert fake.institution.registration_number == "11222333000181"
	assert [contact.kind for contact in fake.institution.contacts] == ["Technical"]
	assert fake.told.organization_id == ORGANIZATION
	assert f"{PUBLIC_URL}/bank-api/return" in fake.told.redirect_uris


def test_a_step_out_of_turn_and_an_unknown_one_are_refused(db: Any, provider: str, fake: FakeProvider):
	refused(db, "First:", provider, "upload", "upload")
	refused(db, "done meanwhile", provider, "organization", "nothing")
	with pytest.raises(db.ValidationError):
		press(provider, "nothing", "save")
	assert fake.calls == []


def test_providers_without_a_guided_set_up_are_ready(db: Any):
	doc = db.get_doc(
		{
			"doctype": PROVIDER,
			"provider_name": f"B {row_name()}",
			"client_id": "id",
			"client_secret": "secret",
		}
	).insert()
	setup.require_ready(doc.name)
	assert setup.steps(doc.name) == []
	db.db.rollback()


# --- the Directory


@pytest.mark.parametrize(
	("field", "value", "sentence"),
	[
		("organization_id", "123", "not an ID of the Directory"),
		("organization_id", "", "not an ID of the Directory"),
		("institution_number", "11.222.333/0001-82", "CNPJ"),
		("institution_name", " ", "Legal Name"),
	],
)
def test_a_slip_in_the_organization_is_named(db: Any, provider: str, field: str, value: str, sentence: str):
	refused(db, sentence, provider, "organization", **(FORMS["organization"] | {field: value}))
	assert states(provider)["organization"] == "next"


@pytest.mark.parametrize(
	("field", "value", "sentence"),
	[
		("software_statement_id", "x", "not an ID"),
		("directory_client_id", "", "Client ID"),
		("redirect_uris", "https://shop.example/back", "bank-api/return"),
		("redirect_uris", f"{PUBLIC_URL}/bank-api/return\njavascript:alert(1)", "valid address"),
	],
)
def test_a_slip_in_the_software_statement_is_named(
	db: Any, provider: str, field: str, value: str, sentence: str
):
	fill(provider, "organization")
	refused(db, sentence, provider, "software", **(FORMS["software"] | {field: value}))


def test_a_moved_gateway_asks_for_its_address_again(db: Any, provider: str):
	fill(provider, "organization", "software")
	db.db.set_single_value("Bank API Settings", "public_url", "https://moved.example")
	found = step(provider, "software")
	assert found.state.value == "next" and "return address" in found.shown.reason


# --- certificates


def test_a_request_names_who_the_directory_knows(provider: str):
	fill(provider, "organization", "software", "signing", "transport")
	assert states(provider)["signing"] == states(provider)["transport"] == "waiting"
	(request,) = step(provider, "transport").shown.facts
	subject = {a.oid.dotted_string: a.value for a in x509.load_pem_x509_csr(request.value.encode()).subject}
	assert subject["2.5.4.97"] == f"OFBBR-{ORGANIZATION}" and subject["2.5.4.5"] == "11222333000181"
	assert subject["0.9.2342.19200300.100.1.1"] == SOFTWARE and subject["2.5.4.3"] == "bank.example.com"


def test_a_missing_field_of_a_request_leaves_nothing_behind(db: Any, provider: str):
	fill(provider, "organization", "software")
	refused(
		db, "City", provider, "transport", "create", title=f"T {row_name()}", dns_names="bank.example.com"
	)
	assert states(provider)["transport"] == "next"


def test_the_other_levels_certificate_is_refused(db: Any, provider: str, authority: Authority):
	fill(provider, "organization", "software", "signing", "transport")
	seal = db.get_all(CERTIFICATE, {"usage": "Signing"}, pluck="name", order_by="creation desc", limit=1)[0]
	key = serialization.load_pem_private_key(certificates._key(seal).reveal().encode(), None)
	(request,) = step(provider, "signing").shown.facts
	ready_made = authority.pkcs12(authority.issue(request.value), key, b"hunter2")
	press(provider, "transport", "create", **_form(provider, "transport"))
	refused(
		db,
		"another private key",
		provider,
		"transport",
		"upload",
		file=base64.b64encode(ready_made).decode(),
		password="hunter2",
	)
	own = issue(provider, "signing", authority)
	refused(db, r"belongs to the organization|another key", provider, "transport", "upload", **own)
	assert not Scene(provider).doc.transport_certificate


def test_swapped_levels_in_the_directory_are_refused(db: Any, provider: str, authority: Authority):
	fill(provider, "organization", "software", "signing", "transport")
	for key in ("signing", "transport"):
		press(provider, key, "upload", **issue(provider, key, authority))
	doc = Scene(provider).doc
	seal, transport = doc.signing_certificate, doc.transport_certificate
	swapped = {"organization_level": transport, "software_level": seal}
	refused(db, "BRCAC.*belongs to the software statement", provider, "levels", **swapped)
	twice = {"organization_level": seal, "software_level": seal}
	refused(db, "BRSEAL.*belongs to the organization", provider, "levels", **twice)
	refused(db, "Say of both", provider, "levels")
	confirm_levels(provider)
	assert states(provider)["levels"] == "done"


def test_a_file_can_be_pasted_and_nothing_is_refused(db: Any, provider: str, authority: Authority):
	fill(provider, "organization", "signing")
	refused(db, "Choose a file", provider, "signing", "upload")
	(request,) = step(provider, "signing").shown.facts
	pasted = authority.chain(authority.issue(request.value)).decode()
	press(provider, "signing", "upload", text=pasted)
	assert states(provider)["signing"] == "done"


def test_other_ids_than_the_certificates_open_the_step_again(provider: str, authority: Authority):
	certify(provider, authority)
	press(provider, "organization", **(FORMS["organization"] | {"organization_id": OTHER}))
	assert states(provider)["signing"] == "next"
	assert "another organization" in step(provider, "signing").shown.reason


# --- the API key


def test_the_key_is_stored_at_once_and_the_link_forgotten(db: Any, provider: str, fake: FakeProvider):
	fill(provider, "organization", "contacts")
	press(provider, "api_key", "onboard", onboarding_link=LINK)
	db.db.rollback()
	scene = Scene(provider)
	assert scene.secret("client_secret").reveal() == fake.keys[-1]
	assert not scene.secret("onboarding_link")
	press(provider, "api_key", "test")
	assert fake.calls == ["onboard", "check"]


def test_a_lost_answer_to_the_form_says_what_to_do(db: Any, provider: str, fake: FakeProvider):
	fill(provider, "organization", "contacts")
	fake.lose = "onboard"
	with pytest.raises(db.ValidationError):
		press(provider, "api_key", "onboard", onboarding_link=LINK)
	found = step(provider, "api_key")
	assert found.state.value == "next" and "used up" in found.shown.reason
	with pytest.raises(db.ValidationError, match="Ask the provider for a new one"):
		press(provider, "api_key", "onboard")  # the stored one, which has been used
	fake.link_used = False
	press(provider, "api_key", "onboard", onboarding_link=LINK)
	assert states(provider)["api_key"] == "done"


def test_a_key_can_be_entered_and_replaced_by_hand(provider: str, fake: FakeProvider):
	fill(provider, "organization", "contacts")
	fake.keys += ["by hand", "another"]
	press(provider, "api_key", "enter", api_key=" by hand ")
	press(provider, "api_key", "test")
	press(provider, "api_key", "enter", api_key="another")
	assert Scene(provider).secret("client_secret").reveal() == "another"


@pytest.mark.parametrize(
	"row",
	[
		{"contact_name": "", "email": "a@example.com"},
		{"contact_name": "A", "email": "nobody"},
		{"contact_name": "A", "email": "a@example.com", "phone": "<script>"},
	],
)
def test_a_slip_in_a_contact_is_named(db: Any, provider: str, row: dict[str, str]):
	refused(db, ".", provider, "contacts", contacts=[row])
	refused(db, "at least one", provider, "contacts", contacts=[])


# --- what the provider holds


def test_an_upload_whose_answer_was_lost_is_not_repeated(
	db: Any, provider: str, fake: FakeProvider, authority: Authority
):
	certify(provider, authority)
	fill(provider, "contacts")
	press(provider, "api_key", "onboard", onboarding_link=LINK)
	fake.lose = "upload Signing"
	with pytest.raises(db.ValidationError):
		press(provider, "upload")
	db.db.rollback()
	assert Scene(provider).doc.transport_certificate_id == "c1"  # the first one was written down at once
	press(provider, "upload")
	assert [call for call in fake.calls if call.startswith("upload")] == [
		"upload Transport",
		"upload Signing",
	]
	assert Scene(provider).doc.signing_certificate_id == "c2" and states(provider)["upload"] == "done"


def test_a_replaced_certificate_is_handed_over_anew_and_the_old_one_taken_back(
	db: Any, provider: str, fake: FakeProvider, authority: Authority
):
	complete(provider, authority)
	before = Scene(provider).doc
	press(provider, "organization", **FORMS["organization"])  # saving the same again opens nothing
	assert states(provider)["upload"] == "done"
	successor = replace_certificate(db, before.transport_certificate, authority)
	assert Scene(provider).doc.transport_certificate == successor
	assert states(provider)["levels"] == "next"
	setup.require_ready(provider)  # the provider still holds the one before
	confirm_levels(provider)
	assert "replaced" in step(provider, "upload").shown.reason
	press(provider, "upload")
	assert before.transport_certificate_id not in fake.held and len(fake.held) == 2
	assert states(provider)["upload"] == "done"


def replace_certificate(db: Any, name: str, authority: Authority) -> str:
	from bank_api.gateway import certificate_succession

	successor = certificate_succession.prepare(name, f"S {row_name()}")
	csr = certificates.make_request(successor)
	from bank_api.connectors.model import Secret

	data = base64.b64encode(authority.chain(authority.issue(csr))).decode()
	assert not [f for f in certificates.upload(successor, Secret(data)) if f.fatal]
	certificate_succession.switch(successor)
	db.db.commit()
	return successor


def test_changed_ids_are_told_again(db: Any, provider: str, authority: Authority, fake: FakeProvider):
	complete(provider, authority)
	press(provider, "software", **(FORMS["software"] | {"directory_client_id": "client-2"}))
	assert states(provider)["ids"] == "next" and "changed" in step(provider, "ids").shown.reason
	setup.require_ready(provider)
	press(provider, "ids")
	assert fake.told.client_id == "client-2"
	fake.forgets_ids = True
	press(provider, "software", **(FORMS["software"] | {"directory_client_id": "client-3"}))
	refused(db, "has not kept", provider, "ids")


# --- webhook


def with_key(provider: str) -> None:
	fill(provider, "organization", "contacts")
	press(provider, "api_key", "onboard", onboarding_link=LINK)


def test_the_webhook_is_made_once_with_a_secret_of_our_own(db: Any, provider: str, fake: FakeProvider):
	with_key(provider)
	refused(db, "at least one event", provider, "webhook", "save", events=[])
	refused(db, "at least one event", provider, "webhook", "save", events=["nothing"])
	press(provider, "webhook", "save", events=[EVENTS[0]])
	(made,) = fake.webhooks.values()
	assert made.url == Scene(provider).doc.webhook_address and made.events == (EVENTS[0],)
	assert made.secret == Scene(provider).secret("webhook_secret") and len(made.secret.reveal()) > 30
	press(provider, "webhook", "save", events=list(EVENTS))
	(changed,) = fake.webhooks.values()
	assert changed.events == EVENTS and changed.secret == made.secret


def test_a_new_secret_keeps_the_one_before_for_a_day(provider: str, fake: FakeProvider):
	from bank_api.gateway import providers

	with_key(provider)
	press(provider, "webhook", "save", events=list(EVENTS))
	(before,) = fake.webhooks.values()
	press(provider, "webhook", "secret")
	(now,) = fake.webhooks.values()
	assert now.secret != before.secret
	assert providers.webhook_secrets(provider) == [now.secret, before.secret]


def test_a_webhook_that_the_provider_forgot_is_made_anew(provider: str, fake: FakeProvider):
	with_key(provider)
	press(provider, "webhook", "save", events=list(EVENTS))
	fake.webhooks = {"other": next(iter(fake.webhooks.values()))}
	press(provider, "webhook", "save", events=list(EVENTS))
	assert Scene(provider).doc.webhook_id == "w2"


def event(db: Any, provider: str, payload: str) -> str:
	doc = db.new_doc(EVENT)
	doc.update({"provider": provider, "event_type": payload, "payload": payload, "digest": row_name()})
	doc.insert(ignore_permissions=True)
	db.db.commit()
	return doc.name


def test_only_a_test_event_after_the_ping_counts(db: Any, provider: str, fake: FakeProvider):
	with_key(provider)
	press(provider, "webhook", "save", events=list(EVENTS))
	old = event(db, provider, "ping")
	db.db.set_value(EVENT, old, "creation", site_now() - timedelta(hours=1), update_modified=False)
	press(provider, "webhook_test", "ping")
	assert fake.pings == ["w1"]
	event(db, provider, "sharing.completed")
	assert states(provider)["webhook_test"] == "waiting" and step(provider, "webhook_test").shown.soon
	arrived = event(db, provider, "ping")
	found = step(provider, "webhook_test")
	assert found.state.value == "done" and found.shown.records[0].name == arrived
	db.db.delete(EVENT, {"provider": provider})
	assert states(provider)["webhook_test"] == "done"  # events are cleaned up after a while


def test_an_event_that_does_not_come_is_called_so(db: Any, provider: str):
	with_key(provider)
	press(provider, "webhook", "save", events=list(EVENTS))
	press(provider, "webhook_test", "ping")
	db.db.set_value(PROVIDER, provider, "webhook_tested_at", site_now() - timedelta(minutes=5))
	found = step(provider, "webhook_test")
	assert found.state.value == "next" and "from outside" in found.shown.reason


def test_another_address_asks_for_the_webhook_again(db: Any, provider: str):
	with_key(provider)
	press(provider, "webhook", "save", events=list(EVENTS))
	db.db.set_single_value("Bank API Settings", "public_url", "https://moved.example")
	assert "address" in step(provider, "webhook").shown.reason
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)


# --- looks


def test_the_theme_goes_to_every_page_and_a_change_is_noticed(db: Any, provider: str, fake: FakeProvider):
	with_key(provider)
	look = db.get_doc({"doctype": "Bank API Whitelabel", "title": f"L {row_name()}"}).insert()
	refused(db, "whitelabel and a language", provider, "whitelabel", whitelabel=look.name, language="Latin")
	look = db.get_doc({"doctype": "Bank API Whitelabel", "title": f"L {row_name()}"}).insert()
	db.db.commit()
	fake.lose = "theme second"
	form = {"whitelabel": look.name, "language": "English"}
	with pytest.raises(db.ValidationError):
		press(provider, "whitelabel", **form)
	assert states(provider)["whitelabel"] == "next"
	press(provider, "whitelabel", **form)
	assert set(fake.themes) == {"first", "second"} and states(provider)["whitelabel"] == "done"
	db.db.set_value("Bank API Whitelabel", look.name, "primary_color", "#00429d")
	assert "changed since" in step(provider, "whitelabel").shown.reason


# --- who may, and what is shown


def test_only_managers_may(db: Any, provider: str):
	user = db.get_doc(
		{"doctype": "User", "email": f"{row_name()}@example.com", "first_name": "X", "send_welcome_email": 0}
	).insert(ignore_permissions=True)
	# The first user of a site is made a System Manager, whatever was asked for.
	db.db.sql("delete from `tabHas Role` where parent = %s", user.name)
	db.clear_cache(user=user.name)
	db.set_user(user.name)
	try:
		for call in (
			page.get_overview,
			lambda: page.get_steps(provider),
			lambda: page.run_step(provider, "organization", "save", "{}"),
		):
			with pytest.raises(db.PermissionError):
				call()
	finally:
		db.set_user("Administrator")
		db.db.rollback()


def test_no_secret_comes_back(db: Any, provider: str, fake: FakeProvider, authority: Authority):
	complete(provider, authority)
	press(provider, "webhook", "save", events=list(EVENTS))
	shown = db.as_json(page.get_steps(provider)) + db.as_json(page.get_overview())
	scene = Scene(provider)
	secrets = [fake.keys[-1], LINK, scene.secret("webhook_secret").reveal(), *fake.private_keys]
	assert len(fake.private_keys) == 2
	assert not [secret for secret in secrets if secret in shown]
	assert "PRIVATE KEY" not in shown
	stored = db.as_json(db.db.sql(f"select * from `tab{PROVIDER}` where name = %s", provider, as_dict=True))
	stored += db.as_json(db.db.sql("select * from `tabBank API Log`", as_dict=True))
	stored += db.as_json(db.db.sql("select * from tabVersion where docname = %s", provider, as_dict=True))
	assert not [secret for secret in secrets if secret in stored]


def test_a_form_that_is_none_is_refused(db: Any, provider: str):
	for text in ("[", "[]", "null", " " * 700_000):
		with pytest.raises(db.ValidationError, match="cannot be read"):
			page.run_step(provider, "organization", "save", text)


def test_steps_are_noted(db: Any, provider: str):
	fill(provider, "organization")
	refused(db, "CNPJ", provider, "organization", **(FORMS["organization"] | {"institution_number": "1"}))
	lines = db.get_all(
		"Bank API Log",
		{"action": "Set-up Step", "reference_name": provider}
		if db.get_meta("Bank API Log").has_field("reference_name")
		else {"action": "Set-up Step"},
		["outcome"],
		order_by="creation asc",
	)
	assert {line.outcome for line in lines} >= {"Success", "Refused"}


def test_two_people_do_not_get_in_each_others_way(db: Any, provider: str, monkeypatch: pytest.MonkeyPatch):
	from contextlib import contextmanager

	@contextmanager
	def taken(name: str, wait_seconds: int = 0) -> Iterator[bool]:
		yield False

	monkeypatch.setattr(setup, "exclusive", taken)
	refused(db, "Somebody else", provider, "organization", **FORMS["organization"])


def test_the_form_of_the_provider_knows_what_comes_next(db: Any, provider: str):
	doc = db.get_doc(PROVIDER, provider)
	doc.run_method("onload")
	assert doc.get_onload("setup") == {"next": "Register the organization", "ready": False}
