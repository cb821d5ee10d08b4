"""Certificates: what one says, files in every form, and what speaks against one, with OpenSSL's judgement beside."""

import base64
import datetime as dt
import hashlib
import shutil
import subprocess
import traceback
from pathlib import Path

import pytest
from certificate_factory import NOW, Authority, builder, der, ec_key, key_pem, name, pem, rsa_key, usage
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
	BestAvailableEncryption,
	Encoding,
	NoEncryption,
	pkcs7,
	pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from signature_vectors import AUTHORITY, CERTIFICATE, KEY

from bank_api.crypto import bundle
from bank_api.crypto.certificates import (
	MESSAGES,
	Bundle,
	CertificateError,
	Usage,
	check,
	read_bundle,
	read_der,
)
from bank_api.crypto.csr import CsrRequest, build_csr
from bank_api.crypto.keys import PrivateKey

ROOT = Authority("Root CA")
SEAL_CA = Authority("Seal CA", ROOT)
WEB_CA = Authority("Web CA", ROOT)
SEAL = SEAL_CA.issue("seal")
WEB = WEB_CA.issue("web", key=rsa_key("web"))
LEAF_KEY = rsa_key()
FINGERPRINT = PrivateKey(LEAF_KEY).fingerprint
openssl_only = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


def openssl(folder, *words):
	return subprocess.run(["openssl", *words], cwd=folder, capture_output=True, timeout=60)


def refusal(data, password=None):
	with pytest.raises(CertificateError) as caught:
		read_bundle(data, password)
	return caught.value.code


def codes(chain, *, usage=Usage.SIGNING, key=LEAF_KEY, now=NOW, fatal=None, **how):
	found = check(
		[read_der(der(one)) for one in chain],
		key_fingerprint=PrivateKey(key).fingerprint,
		usage=usage,
		now=now,
		**how,
	)
	assert all(one.message == MESSAGES[one.code].format(**one.values) for one in found)
	assert not any("{" in one.message for one in found)
	return [one.code for one in found if fatal is None or one.fatal is fatal]


def test_what_the_vector_certificate_says():
	leaf = read_bundle(CERTIFICATE.encode()).chain[0]
	assert leaf.serial_hex == "394E517E00D3645F04A08F1609C13FC2F1240001"
	assert leaf.serial == int(leaf.serial_hex, 16)
	assert leaf.subject == "CN=Sim TPP Seal,2.5.4.97=PSDIL-CMA-516000001,O=Sim TPP Ltd,C=IL"
	assert leaf.issuer == (
		"CN=Sim-OpenBankingIL Seal CA,OU=SIM-OBCA,2.5.4.97=NTRIL-00000000,O=Sim Government,C=IL"
	)
	assert (leaf.common_name, leaf.organization, leaf.country) == ("Sim TPP Seal", "Sim TPP Ltd", "IL")
	assert leaf.organization_identifier == "PSDIL-CMA-516000001"
	assert leaf.not_before == dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc)
	assert leaf.not_after == dt.datetime(2035, 1, 1, tzinfo=dt.timezone.utc)
	assert leaf.not_after.tzinfo is dt.timezone.utc
	assert (leaf.qc_type, leaf.roles) == ("seal", ("PSP_AI",))
	assert (leaf.authority_name, leaf.authority_id) == ("Sim Capital Market Authority", "IL-CMA")
	assert leaf.key_usage == ("digital_signature", "content_commitment")
	assert leaf.extended_usages is None and leaf.dns_names == () and not leaf.is_authority
	assert leaf.key_label == "RSA 2048"
	assert leaf.key_fingerprint == PrivateKey.from_pem(KEY).fingerprint
	assert leaf.header_text == "".join(CERTIFICATE.splitlines()[1:-1])
	expected = base64.urlsafe_b64encode(hashlib.sha256(base64.b64decode(leaf.header_text)).digest())
	assert leaf.thumbprint == expected.decode().rstrip("=") and len(leaf.thumbprint) == 43
	assert "MII" not in repr(leaf)


def test_the_vectors_belong_together():
	found = read_bundle((AUTHORITY + KEY + CERTIFICATE).encode())
	assert [one.common_name for one in found.chain] == ["Sim TPP Seal", "Sim-OpenBankingIL Seal CA"]
	assert found.key.fingerprint == found.chain[0].key_fingerprint
	assert found.chain_pem == CERTIFICATE + AUTHORITY
	now = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
	assert (
		check(
			found.chain, key_fingerprint=found.key.fingerprint, usage=Usage.SIGNING, now=now, roots=AUTHORITY
		)
		== []
	)


def test_a_transport_certificate():
	leaf = read_der(der(WEB))
	assert (leaf.qc_type, leaf.extended_usages) == ("web", ("serverAuth", "clientAuth"))
	assert leaf.dns_names == ("tpp.sim.example",)
	assert read_der(der(WEB_CA.issue("web", key=ec_key(), qualified=False))).qc_type is None
	assert read_der(der(WEB_CA.issue("web", key=ec_key()))).key_label == "P-256"
	assert read_der(der(ROOT.certificate)).is_authority


# --- files -----------------------------------------------------------------------------------------------------

CHAIN = [SEAL, SEAL_CA.certificate, ROOT.certificate]
NAMES = ["Sim TPP Seal", "Sim Seal CA", "Sim Root CA"]


def p12(password, key=LEAF_KEY, others=CHAIN[1:]):
	locked = BestAvailableEncryption(password) if password else NoEncryption()
	return pkcs12.serialize_key_and_certificates(b"tpp", key, SEAL, others, locked)


FORMS = {
	"PEM": (b"".join(map(pem, CHAIN)), None),
	"PEM in another order": (b"".join(map(pem, CHAIN[::-1])), None),
	"PEM with text around": (b"Bag Attributes: x\r\n" + b"\n# next\n".join(map(pem, CHAIN)) + b"\n--", None),
	"PEM with line ends of Windows": (b"".join(map(pem, CHAIN)).replace(b"\n", b"\r\n"), None),
	"PEM, one twice": (b"".join(map(pem, [*CHAIN, SEAL])), None),
	"PEM with the older label": (
		b"".join(map(pem, CHAIN)).replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
		None,
	),
	"PEM with key": (key_pem(rsa_key()) + b"".join(map(pem, CHAIN)), None),
	"PEM with encrypted key": (b"".join(map(pem, CHAIN)) + key_pem(rsa_key(), b"\xd7\xa1"), "ס"),
	"PKCS#7, PEM": (pkcs7.serialize_certificates(CHAIN[::-1], Encoding.PEM), None),
	"PKCS#7, DER": (pkcs7.serialize_certificates(CHAIN, Encoding.DER), None),
	"PKCS#12": (p12(b"\xd7\xa1"), "ס"),
	"PKCS#12 without a password": (p12(None), None),
	"PKCS#12 without a key": (p12(None, None), None),
}


@pytest.mark.parametrize(("data", "password"), FORMS.values(), ids=FORMS)
def test_every_form_of_file(data, password):
	found = read_bundle(data, password)
	assert [one.common_name for one in found.chain] == NAMES
	assert found.chain_pem.encode() == b"".join(map(pem, CHAIN))
	assert found.key is None or found.key.fingerprint == FINGERPRINT


def test_which_forms_bring_the_key():
	with_key = [form for form, (data, password) in FORMS.items() if read_bundle(data, password).key]
	assert with_key == ["PEM with key", "PEM with encrypted key", "PKCS#12", "PKCS#12 without a password"]


def test_a_single_certificate_in_der():
	assert [one.common_name for one in read_bundle(der(SEAL)).chain] == ["Sim TPP Seal"]


@openssl_only
@pytest.mark.parametrize(
	"extra", [[], ["-legacy"], ["-keypbe", "AES-256-CBC", "-certpbe", "AES-128-CBC", "-macalg", "sha512"]]
)
def test_pkcs_12_of_openssl(extra, tmp_path):
	(tmp_path / "key.pem").write_bytes(key_pem(rsa_key()))
	(tmp_path / "all.pem").write_bytes(b"".join(map(pem, CHAIN)))
	words = [
		"pkcs12",
		"-export",
		"-inkey",
		"key.pem",
		"-in",
		"all.pem",
		"-out",
		"x.p12",
		"-passout",
		"pass:open",
	]
	assert openssl(tmp_path, *words, *extra).returncode == 0
	found = read_bundle((tmp_path / "x.p12").read_bytes(), "open")
	assert [one.common_name for one in found.chain] == NAMES
	assert found.key.fingerprint == FINGERPRINT
	assert refusal((tmp_path / "x.p12").read_bytes(), "shut") == "file_password"


CSR = build_csr(
	PrivateKey(ec_key()),
	CsrRequest(Usage.SIGNING, "IL", "Sim", "PSDIL-CMA-1", "Sim", authority_name="CMA", authority_id="IL-CMA"),
)


@pytest.mark.parametrize(
	("data", "password", "code"),
	[
		(b"", None, "file_unreadable"),
		(b"\x30", None, "file_unreadable"),
		(b"hello, certificate", None, "file_unreadable"),
		(b"\x30\x03\x04\x01a", None, "file_unreadable"),
		(der(SEAL)[:-1], None, "certificate_unreadable"),
		(pem(SEAL)[:300] + b"\n-----END CERTIFICATE-----\n", None, "certificate_unreadable"),
		(pem(SEAL)[:300], None, "no_certificate"),
		(key_pem(rsa_key()), None, "no_certificate"),
		(CSR.encode(), None, "file_is_request"),
		(key_pem(rsa_key()) + key_pem(ec_key()) + pem(SEAL), None, "several_keys"),
		(pem(SEAL) + key_pem(rsa_key(), b"right"), None, "key_password"),
		(pem(SEAL) + key_pem(rsa_key(), b"right"), "wrong", "key_password"),
		(pem(SEAL) + key_pem(rsa_key("weak", 1024)), None, "key_kind"),
		(p12(b"right"), None, "file_password"),
		(p12(b"right"), "wrong", "file_password"),
		(pem(SEAL) + pem(WEB), None, "several_certificates"),
		(b"x" * 600_000, None, "file_too_large"),
		(pem(SEAL) * 21, None, "file_too_large"),
	],
)
def test_files_that_cannot_be_used(data, password, code):
	assert refusal(data, password) == code


def test_the_key_tells_which_certificate_is_meant():
	found = read_bundle(pem(SEAL) + pem(WEB) + key_pem(rsa_key("web")) + pem(WEB_CA.certificate))
	assert [one.qc_type for one in found.chain] == ["web", None, "seal"]


def test_no_frame_of_an_error_holds_the_file():
	data = key_pem(rsa_key()) + pem(SEAL) + pem(WEB_CA.issue("web", key=ec_key("other"))) + CSR.encode()
	try:
		read_bundle(data, "hush-hush")
	except CertificateError as error:
		assert error.__context__ is None
		frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
	inside = [frame for frame in frames if frame.f_code.co_filename == bundle.__file__]
	shown = "".join(repr(value) for frame in inside for value in frame.f_locals.values())
	assert inside and "PRIVATE KEY" not in shown and "hush" not in shown


@settings(max_examples=80)
@given(st.sampled_from(list(FORMS.values())), st.integers(0, 5000), st.binary(max_size=40), st.booleans())
def test_no_file_breaks_the_reader(form, at, noise, cut):
	data, password = form
	at %= len(data)
	for attempt in (noise, data[:at] if cut else data[:at] + noise + data[at + len(noise) :]):
		try:
			assert isinstance(read_bundle(attempt, password), Bundle)
		except CertificateError as error:
			assert error.code and error.message


# --- what speaks against one -----------------------------------------------------------------------------------


def test_nothing_speaks_against_a_good_one():
	assert codes(CHAIN) == []
	assert codes(CHAIN, roots=ROOT.pem.decode()) == []
	assert codes(CHAIN[:2], roots=SEAL_CA.pem.decode()) == []
	web = [WEB, WEB_CA.certificate]
	assert codes(web, usage=Usage.TRANSPORT, key=rsa_key("web"), roots=ROOT.pem.decode()) == []


def test_the_key():
	assert codes(CHAIN, key=rsa_key("web"), fatal=True) == ["key_mismatch"]
	weak = SEAL_CA.issue(key=rsa_key("weak", 1024))
	assert codes([weak, *CHAIN[1:]], fatal=True) == ["key_mismatch", "key_weak"]


def test_the_dates():
	day = dt.timedelta(days=1)
	assert codes(CHAIN, now=NOW + 356 * day) == ["expired"]
	assert codes(CHAIN, now=NOW - 11 * day) == ["not_yet_valid"]
	assert codes(CHAIN, now=NOW - 11 * day, fatal=True) == []
	old = Authority("Old CA", days=-1)
	found = check(
		[read_der(der(one)) for one in (old.issue(), old.certificate)],
		key_fingerprint=FINGERPRINT,
		usage=Usage.SIGNING,
		now=NOW,
	)
	assert [(one.code, one.fatal) for one in found] == [("issuer_expired", True)]
	assert found[0].message == "The authority's certificate Sim Old CA ended on 2026-06-14."


SERVER = [ExtendedKeyUsageOID.SERVER_AUTH]
CLIENT = [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize(
	("kind", "how", "wanted", "expected"),
	[
		("web", {}, Usage.SIGNING, ["wrong_usage_web"]),
		("seal", {}, Usage.TRANSPORT, ["wrong_usage_seal"]),
		("web", {"extended": SERVER}, Usage.TRANSPORT, ["wrong_usage_client"]),
		("web", {"extended": CLIENT}, Usage.TRANSPORT, []),
		("web", {"key_usage": usage(commitment=True)}, Usage.TRANSPORT, ["wrong_usage_key"]),
		("seal", {"key_usage": usage(commitment=True)}, Usage.SIGNING, []),
		("seal", {"key_usage": usage(authority=True)}, Usage.SIGNING, ["wrong_usage_key"]),
		("web", {"qualified": False, "roles": ()}, Usage.SIGNING, ["usage_unclear", "role_missing"]),
		("web", {"qualified": False}, Usage.TRANSPORT, ["role_missing"]),
		("seal", {"qualified": False}, Usage.TRANSPORT, ["usage_unclear", "role_missing"]),
		("seal", {"qualified": False}, Usage.SIGNING, ["role_missing"]),
		("seal", {"roles": ("PSP_PI",)}, Usage.SIGNING, ["role_missing"]),
	],
)
def test_the_usage_and_the_roles(kind, how, wanted, expected):
	assert codes([SEAL_CA.issue(kind, **how), *CHAIN[1:]], usage=wanted) == expected


def test_whether_seal_and_web_were_swapped_is_fatal():
	assert codes(CHAIN, usage=Usage.TRANSPORT, fatal=True) == ["wrong_usage_seal"]
	swapped = [WEB, WEB_CA.certificate]
	assert codes(swapped, usage=Usage.SIGNING, key=rsa_key("web"), fatal=True) == ["wrong_usage_web"]


def test_another_role_can_be_asked_for():
	assert codes(CHAIN, role="PSP_PI") == ["role_missing"]
	assert codes([SEAL_CA.issue(qualified=False), *CHAIN[1:]], role=None) == []


def test_the_chain():
	assert codes([SEAL]) == ["chain_incomplete"]
	assert codes([SEAL, WEB_CA.certificate], fatal=True) == ["chain_broken"]
	assert codes([SEAL, ROOT.certificate, SEAL_CA.certificate], fatal=True) == [
		"chain_broken",
		"chain_broken",
	]
	namesake = Authority("Namesake")
	namesake.certificate = SEAL_CA.certificate
	assert codes([namesake.issue(), SEAL_CA.certificate], fatal=True) == ["chain_broken"]
	assert codes([SEAL_CA.certificate, ROOT.certificate], key=SEAL_CA.key, role=None)[0:2] == [
		"is_authority",
		"wrong_usage_key",
	]


def test_the_root():
	other = Authority("Other Root")
	assert codes(CHAIN, roots=other.pem.decode()) == ["root_unknown"]
	assert codes(CHAIN, roots=(other.pem + ROOT.pem).decode()) == []
	assert codes([SEAL], roots=ROOT.pem.decode(), fatal=True) == ["root_unknown"]
	with pytest.raises(CertificateError):
		codes(CHAIN, roots="-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n")


def test_a_leaf_without_an_organization_identifier():
	subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier("2.5.4.3"), "x")])
	assert codes([SEAL_CA.issue(subject=subject), *CHAIN[1:]]) == ["organization_identifier_missing"]


def test_a_self_signed_one():
	subject = name(cn="x")
	made = builder(subject, subject, rsa_key().public_key(), since=NOW, until=NOW + dt.timedelta(days=9))
	assert codes([made.sign(rsa_key(), hashes.SHA256())]) == ["role_missing", "self_signed"]


def test_no_chain_at_all():
	with pytest.raises(CertificateError):
		check([], key_fingerprint="", usage=Usage.SIGNING, now=NOW)


@openssl_only
@pytest.mark.parametrize(
	"chain",
	[CHAIN, [SEAL, WEB_CA.certificate, ROOT.certificate], [WEB, WEB_CA.certificate, ROOT.certificate]],
	ids=["good", "broken", "web"],
)
def test_openssl_judges_the_chain_the_same(chain, tmp_path: Path):
	leaf, issuer, root = chain
	for file, certificate in (("leaf", leaf), ("issuer", issuer), ("root", root)):
		(tmp_path / file).write_bytes(pem(certificate))
	judged = openssl(
		tmp_path,
		"verify",
		"-attime",
		str(int(NOW.timestamp())),
		"-CAfile",
		"root",
		"-untrusted",
		"issuer",
		"leaf",
	)
	broken = {"chain_broken", "chain_incomplete", "root_unknown"} & set(
		codes(chain, roots=pem(root).decode())
	)
	assert (judged.returncode == 0) is (not broken)
