"""The guided set-up of KB against the simulated bank over HTTP, as somebody goes through it for the first time."""

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from frappe.utils.password import get_decrypted_password
from payer import payment

from bank_api.bank_api.page.bank_api_setup import bank_api_setup as page
from bank_api.gateway import registration, setup, statement_expiry
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import NotConfigured
from bank_api.gateway.ids import row_name
from bank_api.gateway.setup_model import Scene

PROVIDER, CERTIFICATE = "Bank API Provider", "Bank API Certificate"
PUBLIC_URL = "https://gateway.example"
PASSWORD = "hunter2"
CONTACTS = [
	{"kind": "Technical", "contact_name": "Jana Nováková", "email": "jana@example.cz"},
	{"kind": "Business", "contact_name": "Petr Svoboda", "email": "petr@example.cz"},
]


@pytest.fixture
def control(sandbox):
	before = sandbox.kb.switches()
	yield sandbox.kb
	sandbox.clear_faults()
	sandbox.kb.switches(**before)


@pytest.fixture
def provider(db, control):
	"""A provider of which nothing is known but its addresses."""
	info = control.info()
	db.conf["bank_api_allow_http"] = 1
	db.set_user("Administrator")
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	lines = {
		"registration_url": f"{info['url']}/v3",
		"registration_page": f"{info['pages_url']}/client-registration-ui/v2/saml/register",
		"authorize_url": f"{info['pages_url']}/autfe/ssologin",
	}
	name = f"KB {row_name()}"
	db.get_doc(
		{
			"doctype": PROVIDER,
			"provider_name": name,
			"connector": "kb",
			"environment": "Sandbox",
			"api_base_url": info["api_url"],
			"ca_bundle": info["ca"],
			"country_code": "CZ",
			"further_settings": "\n".join(f"{key} = {value}" for key, value in lines.items()),
			"app_calls_per_5_minutes": 0,
		}
	).insert()
	db.db.sql(f"update `tab{PROVIDER}` set enabled = 0 where name != %s", name)
	db.db.commit()
	return name


def step(name: str, key: str) -> Any:
	return next(one for one in setup.steps(name) if one.key == key)


def state(name: str, key: str) -> str:
	return step(name, key).state.value


def press(name: str, key: str, action: str = "", **values: Any) -> dict[str, Any]:
	action = action or step(name, key).shown.actions[0].key
	return page.run_step(name, key, action, json.dumps(values))


def refused(db: Any, match: str, *arguments: Any, **values: Any) -> None:
	with pytest.raises(db.ValidationError, match=match):
		press(*arguments, **values)
	db.db.rollback()


def bundle(credentials: Any, password: str = PASSWORD) -> str:
	"""A PKCS#12 file as an authority hands it out, in base64."""
	key = serialization.load_pem_private_key(credentials.key.encode(), None)
	leaf, *rest = x509.load_pem_x509_certificates(credentials.chain.encode())
	data = pkcs12.serialize_key_and_certificates(
		b"vendor", key, leaf, rest, BestAvailableEncryption(password.encode())
	)
	return base64.b64encode(data).decode()


def enter_keys(name: str, control: Any) -> None:
	keys = control.info()["api_keys"]
	press(name, "keys", **{f"api_key_{api}": keys[api] for api in ("registration", "oauth2", "adaa")})


def certify(name: str, control: Any, **options: Any) -> None:
	press(
		name,
		"certificate",
		"ready_made",
		title=f"Vendor {row_name()}",
		file=bundle(control.credentials(**options)),
		password=PASSWORD,
	)


def introduce(name: str, control: Any) -> None:
	"""Everything up to the software statement."""
	press(name, "contacts", "save", contacts=CONTACTS)
	enter_keys(name, control)
	certify(name, control)
	press(name, "statement", software_name="Účetnictví ABC", software_name_en="ABC Accounting")


def link_of(name: str) -> str:
	return press(name, "registration", "open")["once"]["url"]


def come_back(location: str) -> registration.Finished:
	return registration.finish(dict(parse_qsl(urlsplit(location).query)))


def register(name: str, control: Any) -> str:
	"""A human registers the application at the bank; the address with the answer."""
	location = control.walk(link_of(name))
	assert come_back(location) == registration.Finished("registered", name)
	return location


def secret(name: str, field: str) -> str:
	return get_decrypted_password(PROVIDER, name, field, raise_exception=False) or ""


# --- the whole way


def test_from_nothing_to_a_consent_link(db, control, provider):
	open_now = {one.key for one in setup.steps(provider) if one.state.value == "next"}
	assert open_now == {"contacts", "keys", "certificate", "channel"}
	with pytest.raises(NotConfigured, match="Enter the keys"):
		setup.require_ready(provider)
	introduce(provider, control)
	doc = Scene(provider).doc
	assert "Ukázková firma" in doc.statement_vendor and "12345679" in doc.statement_vendor
	assert timedelta(days=364) < doc.statement_expires_at - site_now() < timedelta(days=366)
	with pytest.raises(NotConfigured, match="Register the application"):
		setup.require_ready(provider)
	register(provider, control)
	doc = Scene(provider).doc
	assert doc.client_id.startswith("ABCAccounting-") and len(secret(provider, "client_secret")) == 22
	assert doc.registered_scopes == "adaa bpisp"
	assert doc.registered_addresses == f"{PUBLIC_URL}/bank-api/return"
	setup.require_ready(provider)
	press(provider, "proof")
	press(provider, "channel", authorise_at="MojeBanka Business")
	assert {one.state.value for one in setup.steps(provider)} == {"done"}
	assert page.get_steps(provider)["ready"]


def test_what_is_registered_gives_consents(db, control, provider, make_world):
	from bank_api import kb
	from bank_api.gateway import connect

	introduce(provider, control)
	register(provider, control)
	world = make_world(db, None, provider)
	world.sign_in(world.client())
	link = kb.get_kb_consent_link(user="boss", provider=provider)
	back = dict(parse_qsl(urlsplit(control.walk(link["link"])).query))
	assert connect.finish(back, None).status == "completed"
	db.set_user("Administrator")


def test_neither_link_nor_batch_before_its_time(db, control, provider, make_world):
	from bank_api import kb

	world = make_world(db, None, provider)
	world.sign_in(world.client())
	asked = len(control.requests())
	with pytest.raises(NotConfigured, match="not set up yet"):
		kb.get_kb_consent_link(user="boss", provider=provider)
	with pytest.raises(NotConfigured, match="not set up yet"):
		kb.submit_payment_batch(
			idempotency_key=row_name(),
			payments=[payment()],
			provider=provider,
		)
	assert not db.db.exists("Bank API Consent", {"provider": provider})
	assert len(control.requests()) == asked
	db.set_user("Administrator")


# --- keys, certificate, contacts


@pytest.mark.parametrize("key", ["Bearer abc", "a b", "é"])
def test_a_key_is_pasted_alone(db, provider, key):
	refused(db, "paste the key alone", provider, "keys", api_key_registration=key)
	refused(db, "Fill in first: Key for Tokens", provider, "keys", api_key_registration="a", api_key_adaa="b")
	assert not secret(provider, "api_key_registration")


def test_keys_are_kept_and_replaced_one_by_one(db, provider):
	press(provider, "keys", api_key_registration="a", api_key_oauth2="a", api_key_adaa="c")
	assert "Two of the keys are the same" in step(provider, "keys").shown.reason
	press(provider, "keys", "save", api_key_oauth2="b")
	assert (secret(provider, "api_key_registration"), secret(provider, "api_key_oauth2")) == ("a", "b")
	assert state(provider, "keys") == "done" and not step(provider, "keys").shown.reason


def test_a_wrong_password_leaves_nothing_behind(db, control, provider):
	before = db.db.count(CERTIFICATE)
	file = bundle(control.credentials())
	form = {"title": f"V {row_name()}", "file": file, "password": "wrong"}
	refused(db, "password", provider, "certificate", "ready_made", **form)
	refused(db, "Choose a file", provider, "certificate", "ready_made", title=f"V {row_name()}")
	assert db.db.count(CERTIFICATE) == before and not Scene(provider).doc.transport_certificate


def test_a_certificate_is_requested_here(db, control, provider):
	form = {"title": f"V {row_name()}", "organization": "Ukázková firma s.r.o."}
	refused(db, "eight digits", provider, "certificate", "create", number="12345678", **form)
	press(provider, "certificate", "create", number="12345679", **form)
	shown = step(provider, "certificate").shown
	assert shown.waiting and "postsignum.cz" in shown.reason
	issued = control.issue(shown.facts[0].value)
	press(provider, "certificate", "upload", text=issued["chain"])
	row = db.get_doc(CERTIFICATE, Scene(provider).doc.transport_certificate)
	assert row.profile == "Commercial" and row.organization_identifier == "NTRCZ-12345679"
	assert state(provider, "certificate") == "done" and not step(provider, "certificate").shown.reason


def test_a_foreign_authority_is_refused_by_the_bank_in_words(db, control, provider):
	press(provider, "contacts", "save", contacts=CONTACTS)
	enter_keys(provider, control)
	certify(provider, control, other=True)
	refused(db, "certificate", provider, "statement", software_name="Účetnictví")
	assert not secret(provider, "software_statement") and state(provider, "statement") == "next"


def test_in_a_sandbox_it_goes_without_a_certificate(db, control, provider):
	press(provider, "certificate", "without")
	found = step(provider, "certificate")
	assert found.state.value == "done" and "own sandbox" in found.shown.reason
	db.db.set_value(PROVIDER, provider, "environment", "Production")
	assert state(provider, "certificate") == "next"
	assert "without" not in [one.key for one in step(provider, "certificate").shown.actions]
	db.db.rollback()


def test_an_address_that_kb_does_not_take_is_named(db, provider):
	long = f"{'a' * 35}@example.cz"
	refused(
		db, "too long for the bank", provider, "contacts", "save", contacts=[CONTACTS[0] | {"email": long}]
	)


def test_a_wrong_portal_key_is_said(db, control, provider):
	introduce(provider, control)
	press(provider, "keys", "save", api_key_registration="wrong")
	refused(db, "key", provider, "statement", "request", software_name="Účetnictví")


# --- the software statement


def test_a_renewal_keeps_the_id_and_what_is_registered(db, control, provider):
	introduce(provider, control)
	register(provider, control)
	before, statement = Scene(provider).doc, secret(provider, "software_statement")
	press(provider, "statement", "request", software_name="Účetnictví ABC")
	after = Scene(provider).doc
	assert after.software_id == before.software_id and after.client_id == before.client_id
	assert secret(provider, "software_statement") != statement
	sent = jws_claims(secret(provider, "software_statement"))
	assert sent["registrationBackUri"] == f"{PUBLIC_URL}/bank-api/registered"
	assert sent["contacts"] == ["email: jana@example.cz", "email: petr@example.cz"]


def jws_claims(text: str) -> dict[str, Any]:
	part = text.split(".")[1]
	return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_its_end_is_announced_once_each(db, control, provider, monkeypatch):
	introduce(provider, control)
	db.db.set_single_value("Bank API Settings", "manager_notifications", 1)
	told: list[str] = []
	monkeypatch.setattr(
		statement_expiry.managers,
		"tell",
		lambda subject, *_: told.append(subject) if provider in subject else 0,
	)
	for days in (90, 61, 59, 58, 29, 6, 0.5, 0.4, -1, -2):
		end = site_now() + timedelta(days=days)
		db.db.set_value(PROVIDER, provider, "statement_expires_at", end, update_modified=False)
		statement_expiry.notify_due()
	assert [subject.rpartition("ends within")[2].strip() or subject for subject in told][:4] == [
		"60 days",
		"30 days",
		"7 days",
		"1 days",
	]
	assert len(told) == 5 and "has ended" in told[-1]
	assert state(provider, "statement") == "next" and "ended" in step(provider, "statement").shown.reason
	press(provider, "statement", software_name="Účetnictví")
	assert Scene(provider).doc.statement_notice == 0 and state(provider, "statement") == "done"


def test_another_address_of_the_gateway_opens_both_steps_again(db, control, provider):
	introduce(provider, control)
	register(provider, control)
	db.db.set_single_value("Bank API Settings", "public_url", "https://moved.example")
	assert state(provider, "statement") == "next" and state(provider, "registration") == "blocked"
	with pytest.raises(NotConfigured, match="Register the application"):
		setup.require_ready(provider)
	setup.require_ready(provider, visit=False)  # consents that exist are served
	press(provider, "statement", software_name="Účetnictví")
	register(provider, control)
	setup.require_ready(provider)
	db.db.set_single_value("Bank API Settings", "public_url", PUBLIC_URL)
	db.db.commit()


def test_a_registration_without_payments_is_not_enough(db, control, provider):
	introduce(provider, control)
	register(provider, control)
	db.db.set_value(PROVIDER, provider, "registered_scopes", "adaa")
	assert "lacks: bpisp" in step(provider, "registration").shown.reason
	with pytest.raises(NotConfigured):
		setup.require_ready(provider)
	lines = Scene(provider).doc.further_settings + "\nscope = adaa"
	db.db.set_value(PROVIDER, provider, "further_settings", lines)
	setup.require_ready(provider)
	db.db.rollback()


# --- the registration


def test_the_link_carries_a_fresh_key_and_only_the_key_is_kept(db, control, provider):
	introduce(provider, control)
	first, link = link_of(provider), link_of(provider)
	assert state(provider, "registration") == "waiting" and step(provider, "registration").shown.soon
	query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
	request = json.loads(base64.b64decode(query["registrationRequest"]))
	assert len(base64.b64decode(request["encryptionKey"])) == 32
	assert (
		request["encryptionKey"]
		not in base64.b64decode(parse_qs(urlsplit(first).query)["registrationRequest"][0]).decode()
	)
	assert request["scope"] == ["adaa", "bpisp"] and request["redirectUris"] == [
		f"{PUBLIC_URL}/bank-api/return"
	]
	assert secret(provider, "registration_key") == request["encryptionKey"]
	stored = everything_stored(db, provider)
	assert query["state"] not in stored and request["encryptionKey"] not in stored
	assert query["state"] not in db.as_json(page.get_steps(provider))


def everything_stored(db: Any, provider: str) -> str:
	tables = ("tabBank API Log", "tabError Log", "tabVersion", "tabNotification Log", "tabComment")
	rows = [db.db.sql(f"select * from `tab{PROVIDER}` where name = %s", provider, as_dict=True)]
	rows += [db.db.sql(f"select * from `{table}`", as_dict=True) for table in tables]
	return db.as_json(rows)


def test_after_the_answer_key_and_state_are_gone_and_nothing_is_in_clear(db, control, provider):
	introduce(provider, control)
	link = link_of(provider)
	key = secret(provider, "registration_key")
	assert come_back(control.walk(link)).status == "registered"
	assert not secret(provider, "registration_key")
	assert not db.db.sql(
		"select 1 from `__Auth` where name = %s and fieldname = 'registration_key'", provider
	)
	doc = Scene(provider).doc
	assert not doc.registration_state and not doc.registration_expires_at
	stored = everything_stored(db, provider) + db.as_json(page.get_steps(provider))
	for text in (secret(provider, "client_secret"), key, secret(provider, "software_statement")):
		assert text and text not in stored


def test_an_answer_serves_once(db, control, provider):
	introduce(provider, control)
	location = register(provider, control)
	before = db.db.get_value(PROVIDER, provider, ["client_id", "modified"])
	assert come_back(location) == registration.Finished("unknown")
	assert db.db.get_value(PROVIDER, provider, ["client_id", "modified"]) == before


def bad_answers(good: dict[str, str], other: dict[str, str]) -> dict[str, tuple[dict[str, str], str]]:
	flipped = (
		good["encryptedData"][:10]
		+ ("A" if good["encryptedData"][10] != "A" else "B")
		+ good["encryptedData"][11:]
	)
	return {
		"other state": (good | {"state": "x" * 43}, "unknown"),
		"no state": ({k: v for k, v in good.items() if k != "state"}, "unknown"),
		"state of nobody": (good | {"state": ""}, "unknown"),
		"garbled seal": (good | {"encryptedData": flipped}, "broken"),
		"other salt": (good | {"salt": other["salt"]}, "broken"),
		"other key": (other | {"state": good["state"]}, "broken"),
		"no base64": (good | {"encryptedData": "%%%"}, "broken"),
		"too long": (good | {"encryptedData": "A" * 70_000}, "broken"),
		"nothing in it": ({"state": good["state"]}, "broken"),
		"refused": ({"state": good["state"], "error": "access_denied"}, "refused"),
		"script": ({"state": good["state"], "error": "<script>"}, "refused"),
	}


def test_bad_answers_change_nothing_and_the_good_one_still_serves(db, control, provider):
	introduce(provider, control)
	other = dict(
		parse_qsl(urlsplit(control.walk(link_of(provider))).query)
	)  # sealed with a key that is replaced
	good = dict(parse_qsl(urlsplit(control.walk(link_of(provider))).query))
	before = db.db.sql(f"select * from `tab{PROVIDER}` where name = %s", provider)
	for name, (query, status) in bad_answers(good, other).items():
		assert registration.finish(query).status == status, name
		assert db.db.sql(f"select * from `tab{PROVIDER}` where name = %s", provider) == before, name
	assert not secret(provider, "client_secret")
	lines = db.get_all(
		"Bank API Log",
		{"action": "Application Registered", "reference_name": provider},
		["outcome", "details"],
	)
	assert len(lines) == 8 and {line.outcome for line in lines} == {"Refused"}
	assert "<script>" not in str(lines) and "access_denied" in str(lines)
	assert registration.finish(good).status == "registered"


def test_the_step_tells_of_an_answer_that_registers_nothing(db, control, provider):
	introduce(provider, control)
	good = dict(parse_qsl(urlsplit(control.walk(link_of(provider))).query))
	for error, told in (("<script>", "refused"), ("access_denied", "access_denied")):
		assert registration.finish({"state": good["state"], "error": error}).status == "refused"
		reason = step(provider, "registration").shown.reason
		assert f"registers nothing ({told}); the link still serves" in reason
	link_of(provider)
	assert "registers nothing" not in step(provider, "registration").shown.reason


def test_two_providers_do_not_take_each_others_answers(db, control, provider):
	introduce(provider, control)
	copy = db.copy_doc(db.get_doc(PROVIDER, provider), ignore_no_copy=False)
	copy.provider_name = f"KB {row_name()}"
	copy.insert()
	assert not copy.software_statement and not copy.registration_state
	for key in ("api_key_registration", "api_key_oauth2", "api_key_adaa"):
		copy.set(key, secret(provider, key))
	copy.save()
	press(copy.name, "statement", software_name="Účetnictví")
	link = link_of(copy.name)
	ours = dict(parse_qsl(urlsplit(control.walk(link_of(provider))).query))
	theirs = dict(parse_qsl(urlsplit(control.walk(link)).query))
	assert registration.finish(ours | {"state": theirs["state"]}) == registration.Finished(
		"broken", copy.name
	)
	assert not Scene(copy.name).doc.client_id
	assert registration.finish(ours) == registration.Finished("registered", provider)


def test_a_late_answer_is_refused(db, control, provider):
	introduce(provider, control)
	location = control.walk(link_of(provider))
	db.db.set_value(PROVIDER, provider, "registration_expires_at", site_now() - timedelta(seconds=1))
	db.db.commit()
	assert come_back(location).status == "expired"
	assert not Scene(provider).doc.client_id
	found = step(provider, "registration")
	assert found.state.value == "next" and "ended unused" in found.shown.reason


def test_registering_again_replaces_the_credentials(db, control, provider):
	introduce(provider, control)
	register(provider, control)
	press(provider, "proof")
	first = Scene(provider).doc.client_id
	again = next(one for one in step(provider, "registration").shown.actions if one.key == "open")
	assert "every user has to give a new one" in again.confirm
	link = link_of(provider)
	assert state(provider, "registration") == "done" and Scene(provider).doc.client_id == first
	assert come_back(control.walk(link)).status == "registered"
	assert Scene(provider).doc.client_id != first and state(provider, "proof") == "next"
	press(provider, "proof")


def test_credentials_by_hand_are_proved(db, control, provider):
	introduce(provider, control)
	app = control.add_app(f"{PUBLIC_URL}/bank-api/return")
	press(provider, "registration", "enter", client_id=app["client_id"], client_secret="wrong")
	refused(db, ".", provider, "proof")
	assert state(provider, "proof") == "next"
	press(provider, "registration", "enter", client_id=app["client_id"], client_secret=app["secret"])
	press(provider, "proof")
	assert (
		state(provider, "proof") == "done"
		and step(provider, "registration").shown.reason == "Entered by hand."
	)


def test_the_bank_may_write_its_answer_otherwise(db, control, provider):
	control.switches(statement_status=200, redirect_uris_form="text")
	introduce(provider, control)
	register(provider, control)
	setup.require_ready(provider)


def test_whoever_comes_from_the_bank_is_nobody_here(db, control, provider):
	introduce(provider, control)
	location = control.walk(link_of(provider))
	db.set_user("Guest")
	try:
		assert come_back(location).status == "registered"
	finally:
		db.set_user("Administrator")
	assert Scene(provider).doc.client_id
