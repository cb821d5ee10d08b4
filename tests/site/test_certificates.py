"""Certificates: request, upload with its checks, successor, switch and back, notices before the end, who may what."""

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from authority import Authority, der, pem
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bank_api.bank_api.doctype.bank_api_certificate.bank_api_certificate import upload
from bank_api.connectors.model import Secret
from bank_api.gateway import (
	certificate_expiry,
	certificate_profiles,
	certificate_succession,
	certificates,
	providers,
)
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument, NotConfigured
from bank_api.gateway.ids import row_name

CERTIFICATE, PROVIDER = "Bank API Certificate", "Bank API Provider"
HOLDER = {
	"organization": "Example Money Ltd",
	"organization_identifier": "PSDIL-CMA-515000000",
	"country": "il",
	"common_name": "bank.example.com",
	"authority_name": "Capital Market Authority",
	"authority_id": "IL-CMA",
	"key_type": "RSA 2048",
}


@pytest.fixture(scope="module")
def authority() -> Authority:
	return Authority()


@pytest.fixture(autouse=True)
def _clean(db: Any) -> Iterator[None]:
	yield
	db.db.rollback()


def new(db: Any, usage: str = "Transport", **values: Any) -> Any:
	doc = db.new_doc(CERTIFICATE)
	names = {"dns_names": "bank.example.com"} if usage == "Transport" else {}
	doc.update({"title": f"C {row_name()}", "usage": usage} | HOLDER | names | values)
	doc.insert()
	return fresh(doc)


def fresh(doc: Any) -> Any:
	doc.reload()  # answers nothing with the older frameworks
	return doc


def requested(db: Any, usage: str = "Transport", **values: Any) -> Any:
	doc = new(db, usage, **values)
	doc.make_request()
	doc.reload()
	return doc


def send(doc: Any, data: bytes, password: str | None = None) -> dict[str, Any]:
	answer = upload(doc.name, base64.b64encode(data).decode(), password)
	doc.reload()
	return answer


def issued(db: Any, authority: Authority, usage: str = "Transport", days: float = 365, **values: Any) -> Any:
	doc = requested(db, usage, **values)
	answer = send(doc, authority.chain(authority.issue(doc.csr, days=days)))
	assert answer["accepted"], answer
	return doc


def codes(answer: dict[str, Any]) -> list[str]:
	return [finding["code"] for finding in answer["findings"]]


def new_provider(db: Any, **values: Any) -> Any:
	doc = db.new_doc(PROVIDER)
	doc.update({"provider_name": f"P {row_name()}", "client_id": "id", "client_secret": "secret"} | values)
	return doc


# --- the request


@pytest.mark.parametrize("key_type", ["RSA 2048", "RSA 3072", "P-256"])
def test_a_request_says_what_the_form_says(db: Any, key_type: str):
	doc = requested(db, key_type=key_type, role_pi=1)
	csr = x509.load_pem_x509_csr(doc.csr.encode())
	assert csr.is_signature_valid
	subject = {attribute.oid.dotted_string: attribute.value for attribute in csr.subject}
	assert subject["2.5.4.97"] == "PSDIL-CMA-515000000"
	assert subject["2.5.4.10"] == "Example Money Ltd"
	assert subject["2.5.4.6"] == "IL"
	names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
	assert names.get_values_for_type(x509.DNSName) == ["bank.example.com"]
	statements = csr.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")).value.value
	assert b"PSP_AI" in statements and b"PSP_PI" in statements and b"PSP_IC" not in statements
	assert b"IL-CMA" in statements and b"Capital Market Authority" in statements
	key = csr.public_key()
	assert key_type == ("P-256" if isinstance(key, ec.EllipticCurvePublicKey) else f"RSA {key.key_size}")
	assert doc.status == "CSR Ready"


def test_a_request_can_be_made_again_with_the_same_key_or_a_new_one(db: Any):
	doc = requested(db)
	first = doc.key_fingerprint
	doc.make_request()
	doc.reload()
	assert doc.key_fingerprint == first
	doc.make_request(new_key=1)
	doc.reload()
	assert doc.key_fingerprint != first
	public = x509.load_pem_x509_csr(doc.csr.encode()).public_key()
	stored = serialization.load_pem_private_key(certificates._key(doc.name).reveal().encode(), None)
	assert stored.public_key().public_numbers() == public.public_numbers()


@pytest.mark.parametrize(
	"field",
	["organization", "organization_identifier", "country", "common_name", "dns_names", "authority_id"],
)
def test_a_missing_field_is_named(db: Any, field: str):
	doc = new(db, **{field: ""})
	with pytest.raises(db.ValidationError, match=doc.meta.get_label(field)):
		doc.make_request()
	assert not db.db.get_value(CERTIFICATE, doc.name, "key_fingerprint")


def test_a_field_that_no_certificate_can_hold_is_said_in_words(db: Any):
	doc = new(db, authority_id="CMA")
	with pytest.raises(db.ValidationError, match="authority id"):
		doc.make_request()


@pytest.mark.parametrize(
	("field", "value"),
	[("country", "ISR"), ("dns_names", "https://bank.example.com"), ("dns_names", "a b!c")],
)
def test_wrong_values_are_refused_when_the_form_is_saved(db: Any, field: str, value: str):
	with pytest.raises(db.ValidationError):
		new(db, **{field: value})


def test_a_request_that_no_longer_fits_the_form_is_dropped_but_not_its_key(db: Any):
	doc = requested(db)
	key = doc.key_fingerprint
	doc.organization = "Other Money Ltd"
	doc.save()
	doc.reload()
	assert (doc.status, doc.csr, doc.key_fingerprint) == ("Draft", None, key)
	doc.make_request()
	assert (
		b"Other Money Ltd"
		in x509.load_pem_x509_csr(
			db.db.get_value(CERTIFICATE, doc.name, "csr").encode()
		).subject.public_bytes()
	)


# --- the upload


@pytest.mark.parametrize("usage", ["Transport", "Signing"])
def test_an_issued_chain_is_stored_in_order(db: Any, authority: Authority, usage: str):
	doc = requested(db, usage)
	leaf = authority.issue(doc.csr)
	answer = send(doc, authority.chain(leaf))
	assert answer == {"accepted": True, "findings": []}
	assert doc.status == "Active"
	assert doc.chain.encode() == pem(leaf) + pem(authority.issuing)
	assert int(doc.serial, 16) == leaf.serial_number
	assert doc.granted_roles == "PSP_AI" and doc.granted_authority == "Capital Market Authority IL-CMA"
	assert timedelta(days=364) < doc.valid_to - site_now() < timedelta(days=366)


@pytest.mark.parametrize("form", [pem, der])
def test_a_lone_certificate_is_taken_with_a_remark(db: Any, authority: Authority, form: Any):
	doc = requested(db)
	answer = send(doc, form(authority.issue(doc.csr)))
	assert answer["accepted"] and codes(answer) == ["chain_incomplete"]
	assert doc.status == "Active"


def test_a_chain_is_completed_later(db: Any, authority: Authority):
	doc = requested(db)
	leaf = authority.issue(doc.csr)
	send(doc, pem(leaf))
	answer = send(doc, authority.chain(leaf))
	assert answer == {"accepted": True, "findings": []}
	assert doc.chain.count("BEGIN CERTIFICATE") == 2 and doc.status == "Active"


def test_a_ready_made_file_brings_its_key_and_its_holder(db: Any, authority: Authority):
	other = requested(db, organization="From the File Ltd", role_ai=0, role_pi=1)
	key = serialization.load_pem_private_key(certificates._key(other.name).reveal().encode(), None)
	data = authority.pkcs12(authority.issue(other.csr), key, b"hunter2")
	doc = new(db, organization="", organization_identifier="", common_name="", authority_id="", dns_names="")
	for password in (None, "wrong"):
		with pytest.raises(db.ValidationError, match="password"):
			send(doc, data, password)
	assert send(doc, data, "hunter2")["accepted"]
	assert (doc.organization, doc.organization_identifier) == ("From the File Ltd", "PSDIL-CMA-515000000")
	assert (doc.role_ai, doc.role_pi, doc.dns_names) == (0, 1, "bank.example.com")
	pair = certificates.key_pair(doc.name)
	loaded = serialization.load_pem_private_key(pair.key.reveal().encode(), None)
	assert loaded.private_numbers() == key.private_numbers()


def refused(doc: Any, data: bytes, code: str) -> str:
	before = doc.as_dict()
	answer = send(doc, data)
	assert not answer["accepted"]
	assert code in codes(answer), answer
	after = doc.as_dict()
	assert {k: v for k, v in after.items() if not k.startswith("_")} == {
		k: v for k, v in before.items() if not k.startswith("_")
	}
	(message,) = [finding["message"] for finding in answer["findings"] if finding["code"] == code]
	assert "{" not in message
	return message


def test_a_certificate_for_another_key_is_refused(db: Any, authority: Authority):
	doc, other = requested(db), requested(db)
	message = refused(doc, authority.chain(authority.issue(other.csr)), "key_mismatch")
	assert "where its request was made" in message


@pytest.mark.parametrize(
	("usage", "code"), [("Transport", "wrong_usage_seal"), ("Signing", "wrong_usage_web")]
)
def test_a_certificate_for_the_other_usage_is_refused(db: Any, authority: Authority, usage: str, code: str):
	doc = requested(db, usage)
	other = requested(db, "Signing" if usage == "Transport" else "Transport")
	public_key = x509.load_pem_x509_csr(doc.csr.encode()).public_key()
	refused(doc, authority.chain(authority.issue(other.csr, public_key=public_key)), code)


def test_an_ended_certificate_is_refused_with_its_date(db: Any, authority: Authority):
	doc = requested(db)
	leaf = authority.issue(doc.csr, start=-400, days=-1)
	message = refused(doc, authority.chain(leaf), "expired")
	assert f"{leaf.not_valid_after:%Y-%m-%d}" in message


def test_a_chain_of_somebody_else_is_refused(db: Any, authority: Authority):
	doc = requested(db)
	stranger = Authority("Stranger")
	refused(doc, pem(authority.issue(doc.csr)) + pem(stranger.issuing), "chain_broken")


def test_only_the_authorities_of_the_record_are_trusted_if_it_names_any(db: Any, authority: Authority):
	doc = requested(db, roots=Authority("Stranger").root_pem)
	leaf = authority.issue(doc.csr)
	refused(doc, authority.chain(leaf), "root_unknown")
	doc.roots = authority.root_pem
	doc.save()
	assert send(doc, authority.chain(leaf)) == {"accepted": True, "findings": []}


def test_a_certificate_without_a_key_here_is_refused(db: Any, authority: Authority):
	refused(new(db), authority.chain(authority.issue(requested(db).csr)), "no_key")


def test_a_file_with_another_key_than_the_records_is_refused(db: Any, authority: Authority):
	doc, other = requested(db), requested(db)
	key = serialization.load_pem_private_key(certificates._key(other.name).reveal().encode(), None)
	plain = key.private_bytes(
		serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
	)
	refused(doc, plain + pem(authority.issue(other.csr)), "other_key")


def test_a_second_certificate_needs_a_successor(db: Any, authority: Authority):
	doc = issued(db, authority)
	message = refused(doc, authority.chain(authority.issue(doc.csr)), "other_certificate")
	assert "Prepare Successor" in message


@pytest.mark.parametrize(
	"data",
	[
		b"",
		b"nonsense",
		b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
		b"\x30\x82\x01\x00\x02\x01\x03",
		b"\x30" * 5000,
	],
)
def test_what_is_no_certificate_is_said_in_words(db: Any, data: bytes):
	doc = requested(db)
	with pytest.raises(db.ValidationError) as refusal:
		send(doc, data)
	assert str(refusal.value).endswith(".") and "Error" not in str(refusal.value)


def test_the_request_instead_of_the_answer(db: Any):
	doc = requested(db)
	with pytest.raises(db.ValidationError, match="signing request"):
		send(doc, doc.csr.encode())


def test_no_base64_and_too_much_are_refused(db: Any):
	doc = requested(db)
	for text in ("%%%", "A" * 500_000):
		with pytest.raises(db.ValidationError):
			upload(doc.name, text)


def test_what_the_authority_changed_is_pointed_out(db: Any, authority: Authority):
	doc = requested(db)
	answer = send(doc, authority.chain(authority.issue(doc.csr, qc=False)))
	assert answer["accepted"] and {"role_missing", "roles_differ"} <= set(codes(answer))


def test_a_check_later_sees_what_time_has_done(
	db: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
):
	doc = issued(db, authority, days=10)
	assert doc.check_now() == []
	moment = certificate_profiles.utc_now() + timedelta(days=11)
	monkeypatch.setattr(certificate_profiles, "utc_now", lambda: moment)
	(finding,) = doc.check_now()
	assert finding["code"] == "expired" and finding["fatal"]


@pytest.mark.parametrize("language", ["fr", "cs", "pt-BR", "he"])
def test_findings_are_said_in_the_users_language(db: Any, authority: Authority, language: str):
	doc = requested(db)
	db.local.lang = language
	try:
		message = refused(doc, authority.chain(authority.issue(doc.csr, start=-400, days=-1)), "expired")
	finally:
		db.local.lang = "en"
	assert "Ask the authority" not in message and "-" in message


# --- for providers


def test_a_connector_gets_both_key_pairs(db: Any, authority: Authority):
	transport, signing = issued(db, authority), issued(db, authority, "Signing")
	provider = new_provider(
		db, transport_certificate=transport.name, signing_certificate=signing.name
	).insert()
	config = providers.config_of(provider.name)
	assert config.transport.chain == transport.chain and config.signing.chain == signing.chain
	assert config.transport.key != config.signing.key
	assert "PRIVATE" not in repr(config)


def test_a_provider_without_certificates_has_no_key_pairs(db: Any):
	config = providers.config_of(new_provider(db).insert().name)
	assert config.transport is None and config.signing is None


def test_a_provider_takes_only_what_fits(db: Any, authority: Authority):
	transport = issued(db, authority)
	for values in (
		{"signing_certificate": transport.name},
		{"transport_certificate": transport.name, "environment": "Production"},
		{"transport_certificate": requested(db).name},
	):
		with pytest.raises(db.ValidationError):
			new_provider(db, **values).insert()


def test_a_provider_whose_certificate_has_ended_can_still_be_changed(db: Any, authority: Authority):
	transport = issued(db, authority)
	provider = new_provider(db, transport_certificate=transport.name).insert()
	db.db.set_value(CERTIFICATE, transport.name, "status", "Expired")
	provider.reload()
	provider.country_code = "IL"
	provider.save()
	with pytest.raises(NotConfigured):
		providers.config_of(provider.name)


def test_a_connector_is_built_anew_when_its_certificate_changes(db: Any, authority: Authority):
	transport = issued(db, authority)
	provider = new_provider(db, transport_certificate=transport.name).insert().name
	first = providers.connector(provider)
	assert providers.connector(provider) is first
	certificates.write(db.get_doc(CERTIFICATE, transport.name), serial="01")
	assert providers.connector(provider) is not first


def test_a_key_that_cannot_be_decrypted_is_said_so(
	db: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
):
	from cryptography.fernet import Fernet

	doc = issued(db, authority)
	monkeypatch.setitem(db.conf, "encryption_key", Fernet.generate_key().decode())
	with pytest.raises(NotConfigured, match="cannot be read"):
		certificates.key_pair(doc.name)


# --- the successor


@pytest.fixture
def couple(db: Any, authority: Authority) -> tuple[Any, Any, list[str]]:
	"""A certificate in use at two providers, and its prepared successor."""
	old = issued(db, authority, days=20)
	used = [new_provider(db, transport_certificate=old.name).insert().name for _ in range(2)]
	name = old.prepare_successor(f"Next {row_name()}")
	following = db.get_doc(CERTIFICATE, name)
	following.make_request()
	following.reload()
	assert send(following, authority.chain(authority.issue(following.csr, days=400)))["accepted"]
	return old, following, sorted(used)


def used_by(db: Any, name: str) -> list[str]:
	return db.get_all(PROVIDER, {"transport_certificate": name}, pluck="name", order_by="name asc")


def test_a_successor_has_the_holder_and_a_key_of_its_own(db: Any, couple: Any):
	old, following, used = couple
	assert following.status == "Prepared" and following.successor_of == old.name
	assert following.organization_identifier == old.organization_identifier
	assert following.key_fingerprint != old.key_fingerprint
	assert used_by(db, old.name) == used  # nothing has changed yet


def test_switch_and_back(db: Any, couple: Any):
	old, following, used = couple
	assert sorted(following.switch()) == used
	for doc, status in ((old, "Retired"), (following, "Active")):
		assert fresh(doc).status == status
	assert used_by(db, following.name) == used and used_by(db, old.name) == []
	assert all(providers.config_of(name).transport.chain == following.chain for name in used)
	assert sorted(following.switch_back()) == used
	assert (fresh(old).status, fresh(following).status) == ("Active", "Prepared")
	assert all(providers.config_of(name).transport.chain == old.chain for name in used)
	assert sorted(following.switch()) == used


def test_every_worker_sees_a_switch_at_its_next_call(db: Any, couple: Any):
	_old, following, used = couple
	before = providers.connector(used[0])
	following.switch()
	assert providers.connector(used[0]) is not before


def test_there_is_no_moment_without_a_key_pair(bench: Any, db: Any, couple: Any):
	"""Another connection, which reads all the time while switches go on, always gets one of the two chains."""
	import threading

	old, following, used = couple
	db.db.commit()
	chains = {old.chain, following.chain}
	seen: set[str] = set()
	failures: list[str] = []
	stop = threading.Event()
	connection = db.db.get_connection()
	connection.autocommit(True)

	def read() -> None:
		cursor = connection.cursor()
		while not stop.is_set():
			cursor.execute(
				"""select c.chain, c.status from `tabBank API Provider` p join `tabBank API Certificate` c
				on c.name = p.transport_certificate where p.name = %s""",
				(used[0],),
			)
			rows = cursor.fetchall()
			if len(rows) != 1 or rows[0][1] != "Active" or rows[0][0] not in chains:
				failures.append(str(rows)[:200])
			else:
				seen.add(rows[0][0])

	reader = threading.Thread(target=read)
	reader.start()
	try:
		for _ in range(8):
			db.get_doc(CERTIFICATE, following.name).switch()
			db.db.commit()
			db.get_doc(CERTIFICATE, following.name).switch_back()
			db.db.commit()
	finally:
		stop.set()
		reader.join(30)
		connection.close()
	assert failures == [] and seen == chains


def test_a_switch_that_breaks_half_way_changes_nothing(db: Any, couple: Any, monkeypatch: pytest.MonkeyPatch):
	old, following, used = couple
	db.db.commit()
	monkeypatch.setattr(certificate_succession.certificates, "note", lambda *_a, **_k: 1 / 0)
	with pytest.raises(ZeroDivisionError):
		certificate_succession.switch(following.name)
	db.db.rollback()
	assert used_by(db, old.name) == used
	assert (fresh(old).status, fresh(following).status) == ("Active", "Prepared")


def test_there_is_one_successor_at_a_time(db: Any, couple: Any):
	old, following, _used = couple
	with pytest.raises(db.ValidationError, match=following.name):
		old.prepare_successor("Another one")
	following.switch()
	assert following.prepare_successor(f"Third {row_name()}")


def test_what_is_not_ready_is_not_switched_to(db: Any, authority: Authority):
	old = issued(db, authority)
	name = old.prepare_successor(f"Next {row_name()}")
	following = db.get_doc(CERTIFICATE, name)
	with pytest.raises(db.ValidationError):
		following.switch()
	following.make_request()
	following.reload()
	leaf = authority.issue(following.csr, start=5, days=400)
	answer = send(following, authority.chain(leaf))
	assert answer["accepted"] and codes(answer) == ["not_yet_valid"]
	with pytest.raises(db.ValidationError, match="not valid yet"):
		following.switch()
	with pytest.raises(db.ValidationError):
		old.switch()
	with pytest.raises(db.ValidationError):
		old.switch_back()


def test_there_is_no_way_back_to_what_has_ended(db: Any, couple: Any):
	old, following, _used = couple
	following.switch()
	db.db.set_value(CERTIFICATE, old.name, "valid_to", site_now() - timedelta(minutes=1))
	assert not certificate_succession.surroundings(following.name).can_go_back
	with pytest.raises(db.ValidationError, match="has ended"):
		following.switch_back()


def test_the_form_knows_its_surroundings(db: Any, couple: Any):
	old, following, used = couple
	before = certificate_succession.surroundings(old.name)
	assert before.providers == tuple(used)
	assert (before.successor, before.successor_status) == (following.name, "Prepared")
	following.switch()
	assert certificate_succession.surroundings(following.name).can_go_back


# --- notices


class Notices:
	def __init__(self, monkeypatch: pytest.MonkeyPatch):
		self.sent: list[tuple[str, str, str]] = []
		monkeypatch.setattr(
			certificate_expiry.managers,
			"tell",
			lambda subject, text, _d, name: self.sent.append((subject, text, name)),
		)
		self.now = site_now()
		monkeypatch.setattr(certificate_expiry, "site_now", lambda: self.now)

	def of(self, doc: Any) -> list[str]:
		return [subject for subject, _text, name in self.sent if name == doc.name]


@pytest.fixture
def notices(db: Any, monkeypatch: pytest.MonkeyPatch) -> Notices:
	return Notices(monkeypatch)


def test_each_notice_is_sent_once(db: Any, authority: Authority, notices: Notices):
	doc = issued(db, authority, days=100)
	end = doc.valid_to
	expected: list[str] = []
	for left, days in (
		(61, None),
		(59.5, 60),
		(45, None),
		(29.5, 30),
		(8, None),
		(6.5, 7),
		(2, None),
		(0.9, 1),
		(0.2, None),
	):
		notices.now = end - timedelta(days=left)
		for _ in range(2):
			certificate_expiry.notify_due()
		expected += [f"The certificate {doc.name} ends within {days} days"] if days else []
		assert notices.of(doc) == expected
	notices.now = end + timedelta(seconds=1)
	certificate_expiry.notify_due()
	certificate_expiry.notify_due()
	assert notices.of(doc) == [*expected, f"The certificate {doc.name} has ended"]
	assert fresh(doc).status == "Expired"
	with pytest.raises(NotConfigured):
		certificates.key_pair(doc.name)


def test_a_standstill_sends_the_latest_notice_only(db: Any, authority: Authority, notices: Notices):
	doc = issued(db, authority, days=100)
	notices.now = doc.valid_to - timedelta(days=3)
	certificate_expiry.notify_due()
	assert notices.of(doc) == [f"The certificate {doc.name} ends within 7 days"]


def test_a_notice_names_the_successor_that_is_ready(db: Any, couple: Any, notices: Notices):
	old, following, _used = couple
	certificate_expiry.notify_due()
	((_subject, text, _name),) = [sent for sent in notices.sent if sent[2] == old.name]
	assert following.name in text


def test_what_is_retired_is_nobodys_business(db: Any, couple: Any, notices: Notices):
	old, following, _used = couple
	following.switch()
	certificate_expiry.notify_due()
	assert notices.of(old) == []


def test_a_failure_repeats_the_notice(
	db: Any, authority: Authority, notices: Notices, monkeypatch: pytest.MonkeyPatch
):
	doc = issued(db, authority, days=5)
	db.db.commit()
	real = certificate_expiry.managers.tell
	monkeypatch.setattr(certificate_expiry.managers, "tell", lambda *_a: 1 / 0)
	with pytest.raises(ZeroDivisionError):
		certificate_expiry.notify_due()
	db.db.rollback()
	monkeypatch.setattr(certificate_expiry.managers, "tell", real)
	certificate_expiry.notify_due()
	assert len(notices.of(doc)) == 1


def test_an_ended_certificate_can_still_be_replaced(db: Any, couple: Any, notices: Notices):
	old, following, used = couple
	notices.now = old.valid_to + timedelta(minutes=1)
	certificate_expiry.notify_due()
	assert fresh(old).status == "Expired"
	assert sorted(fresh(following).switch()) == used
	assert fresh(old).status == "Retired"


# --- who may what


def user_with(db: Any, role: str) -> str:
	doc = db.get_doc(
		{"doctype": "User", "email": f"{row_name()}@example.com", "first_name": role, "send_welcome_email": 0}
	)
	doc.append("roles", {"role": role})
	return doc.insert(ignore_permissions=True).name


def test_managers_do_the_work_and_can_take_nothing_out(db: Any, authority: Authority):
	db.set_user(user_with(db, "Bank API Manager"))
	doc = issued(db, authority)
	for right in ("read", "write", "create", "delete"):
		assert db.has_permission(CERTIFICATE, right)
	for right in ("export", "report", "print", "email", "share", "import"):
		assert not db.has_permission(CERTIFICATE, right)
	assert doc.check_now() == []


@pytest.mark.parametrize("role", ["System Manager", "Bank API Client", "Website Manager"])
def test_nobody_else_gets_in(db: Any, authority: Authority, role: str):
	doc = issued(db, authority)
	data = base64.b64encode(pem(authority.issue(doc.csr))).decode()
	db.set_user(user_with(db, role))
	for right in ("read", "write", "create", "delete"):
		assert not db.has_permission(CERTIFICATE, right)
	presses = (
		lambda: doc.make_request(),
		lambda: doc.check_now(),
		lambda: doc.prepare_successor("x"),
		lambda: doc.switch(),
		lambda: doc.switch_back(),
		lambda: upload(doc.name, data),
	)
	for press in presses:
		with pytest.raises(db.PermissionError):
			press()


@pytest.mark.parametrize(
	"changes",
	[
		{"status": "Active"},
		{"chain": "x"},
		{"valid_to": "2099-01-01 00:00:00"},
		{"key_fingerprint": "00"},
		{"private_key": ""},
		{"private_key": "******"},
		{"successor_of": None},
		{"thumbprint": ""},
	],
)
def test_a_form_cannot_write_what_the_gateway_writes(db: Any, couple: Any, changes: dict[str, Any]):
	_old, following, _used = couple
	before = {field: following.get(field) for field in certificates.OWN_FIELDS}
	key = certificates.key_pair(following.name).key
	following.update(changes)
	following.save()
	following.reload()
	assert {field: following.get(field) for field in certificates.OWN_FIELDS} == before
	assert certificates.key_pair(following.name).key == key


def test_a_new_form_cannot_pretend_to_be_issued(db: Any):
	doc = new(db, status="Active", chain="x", valid_to="2099-01-01 00:00:00", successor_of=None)
	assert (doc.status, doc.chain, doc.valid_to) == ("Draft", None, None)


def test_the_holder_of_an_issued_certificate_is_not_rewritten(db: Any, authority: Authority):
	doc = issued(db, authority)
	doc.organization_identifier = "PSDIL-CMA-1"
	doc.save()
	assert fresh(doc).organization_identifier == "PSDIL-CMA-515000000"


def test_a_certificate_in_use_is_not_deleted(db: Any, couple: Any):
	old, _following, _used = couple
	with pytest.raises(db.LinkExistsError):
		db.delete_doc(CERTIFICATE, old.name)
	db.db.rollback()


def test_a_deleted_certificate_leaves_no_key(db: Any, couple: Any):
	old, following, _used = couple
	following.switch()
	db.delete_doc(CERTIFICATE, old.name)
	assert not db.db.sql("select name from __Auth where doctype = %s and name = %s", (CERTIFICATE, old.name))
	assert fresh(following).successor_of is None
	assert not certificate_succession.surroundings(following.name).can_go_back


def test_what_happens_is_in_the_audit_log(db: Any, couple: Any):
	_old, following, _used = couple
	following.switch()
	following.switch_back()
	actions = db.get_all(
		"Bank API Log",
		{"reference_doctype": CERTIFICATE, "reference_name": following.name},
		pluck="action",
		order_by="name asc",
	)
	assert actions == [
		"Certificate Successor Prepared",
		"Certificate Request Made",
		"Certificate Uploaded",
		"Certificate Switched",
		"Certificate Switched Back",
	]


def test_a_weak_or_strange_key_is_refused(db: Any, authority: Authority):
	doc = new(db)
	key = rsa.generate_private_key(65537, 1024)
	csr = requested(db).csr
	leaf = authority.issue(csr, public_key=key.public_key())
	with pytest.raises((db.ValidationError, BadArgument)):
		send(doc, authority.pkcs12(leaf, key, b"x"), "x")
	assert not fresh(doc).key_fingerprint


def test_a_secret_argument_shows_itself_nowhere():
	assert "hidden" not in repr(Secret("hidden"))


# --- ICP-Brasil

ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "10120340-3318-4baf-99e2-0b56729c4ab2"
ICP_HOLDER = {
	"profile": "ICP-Brasil",
	"organization": "Crédito Exemplo S.A.",
	"company_number": "11.222.333/0001-81",
	"organization_id": ORGANIZATION.upper(),
	"locality": "Campinas",
	"state": "São Paulo",
	"organization_identifier": "",
	"authority_name": "",
	"authority_id": "",
}


def icp(db: Any, usage: str, **values: Any) -> Any:
	own = (
		{"software_statement_id": SOFTWARE}
		if usage == "Transport"
		else {"common_name": "Crédito Exemplo S.A."}
	)
	return requested(db, usage, **(ICP_HOLDER | own | values))


def test_a_request_for_brazil_says_what_the_form_says(db: Any):
	doc = icp(db, "Transport")
	subject = {a.oid.dotted_string: a.value for a in x509.load_pem_x509_csr(doc.csr.encode()).subject}
	assert subject["2.5.4.97"] == f"OFBBR-{ORGANIZATION}"
	assert subject["0.9.2342.19200300.100.1.1"] == SOFTWARE
	assert subject["2.5.4.5"] == "11222333000181" and subject["2.5.4.7"] == "Campinas"
	seal = icp(db, "Signing", units="AC Exemplo\n99888777000166\nPresencial")
	pairs = [(a.oid.dotted_string, a.value) for a in x509.load_pem_x509_csr(seal.csr.encode()).subject]
	assert ("0.9.2342.19200300.100.1.1", ORGANIZATION) in pairs and ("2.5.4.10", "ICP-Brasil") in pairs
	assert [value for oid, value in pairs if oid == "2.5.4.11"] == [
		"AC Exemplo",
		"99888777000166",
		"Presencial",
	]


@pytest.mark.parametrize("field", ["company_number", "organization_id", "software_statement_id", "locality"])
def test_a_field_that_brazil_needs_is_named(db: Any, field: str):
	doc = new(db, **(ICP_HOLDER | {"software_statement_id": SOFTWARE} | {field: ""}))
	with pytest.raises(db.ValidationError, match=re.escape(doc.meta.get_label(field))):
		doc.make_request()


def test_brazil_knows_no_curves(db: Any):
	with pytest.raises(db.ValidationError, match="RSA"):
		new(db, **(ICP_HOLDER | {"key_type": "P-256"}))


@pytest.mark.parametrize("usage", ["Transport", "Signing"])
def test_an_issued_certificate_of_brazil_is_stored(db: Any, authority: Authority, usage: str):
	doc = icp(db, usage)
	answer = send(doc, authority.chain(authority.issue(doc.csr)))
	assert answer["accepted"], answer
	assert [f for f in answer["findings"] if f["code"].startswith("icp")] == []
	assert doc.status == "Active"


def test_the_certificate_of_the_other_level_is_refused_in_words(db: Any, authority: Authority):
	seal = icp(db, "Signing")
	pkcs12 = authority.pkcs12
	key = serialization.load_pem_private_key(certificates._key(seal.name).reveal().encode(), None)
	doc = new(db, **(ICP_HOLDER | {"software_statement_id": SOFTWARE}))
	answer = send(doc, pkcs12(authority.issue(seal.csr), key, b"hunter2"), "hunter2")
	assert not answer["accepted"]
	assert (
		codes(answer)[0] == "icp_level_seal"
		and "belongs to the organization" in answer["findings"][0]["message"]
	)
	assert doc.status == "Draft" and not doc.key_fingerprint


def test_a_ready_made_certificate_of_brazil_fills_the_form(db: Any, authority: Authority):
	made = icp(db, "Transport")
	key = serialization.load_pem_private_key(certificates._key(made.name).reveal().encode(), None)
	doc = new(db, profile="ICP-Brasil", common_name="", organization="", organization_identifier="")
	answer = send(doc, authority.pkcs12(authority.issue(made.csr), key, b"hunter2"), "hunter2")
	assert answer["accepted"], answer
	assert (doc.organization_id, doc.software_statement_id) == (ORGANIZATION, SOFTWARE)
	assert doc.organization == "Crédito Exemplo S.A."
