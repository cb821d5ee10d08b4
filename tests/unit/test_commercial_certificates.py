"""Commercial certificates: their requests, judged by OpenSSL, and what speaks against one that was issued."""

import subprocess
from dataclasses import replace

import pytest
from certificate_factory import NOW, Authority, ec_key, pem, rsa_key, usage
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bank_api.crypto import commercial
from bank_api.crypto.bundle import read_bundle
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey

REQUEST = commercial.CommercialRequest(
	country="CZ",
	organization="Ukázková firma s.r.o.",
	common_name="Ukázková firma s.r.o.",
	organization_identifier="NTRCZ-12345679",
	email="jana@example.cz",
)
OPEN = usage(signature=True, commitment=True)


def codes(*certificates, key=None, roots=None):
	chain = read_bundle(b"".join(pem(one) for one in certificates)).chain
	fingerprint = PrivateKey(key or rsa_key()).fingerprint
	return {
		found.code: found.fatal
		for found in commercial.check(
			chain, key_fingerprint=fingerprint, now=NOW, roots=roots.decode() if roots else None
		)
	}


@pytest.mark.parametrize("key", [rsa_key(), ec_key()], ids=["rsa", "ec"])
def test_openssl_takes_the_request(key, tmp_path):
	text = commercial.build_csr(PrivateKey(key), REQUEST)
	path = tmp_path / "request.pem"
	path.write_text(text)
	said = subprocess.run(
		[
			"openssl",
			"req",
			"-in",
			path,
			"-verify",
			"-noout",
			"-subject",
			"-nameopt",
			"utf8,-esc_msb,sep_comma_plus",
		],
		capture_output=True,
		check=True,
		text=True,
	)
	assert "verify OK" in said.stdout + said.stderr
	assert "O=Ukázková firma s.r.o." in said.stdout and "NTRCZ-12345679" in said.stdout
	names = x509.load_pem_x509_csr(text.encode()).extensions.get_extension_for_class(
		x509.SubjectAlternativeName
	)
	assert names.value.get_values_for_type(x509.RFC822Name) == ["jana@example.cz"]


def test_what_is_not_known_is_left_out():
	text = commercial.build_csr(PrivateKey(rsa_key()), replace(REQUEST, organization_identifier="", email=""))
	request = x509.load_pem_x509_csr(text.encode())
	assert [one.oid for one in request.subject] == [
		NameOID.COUNTRY_NAME,
		NameOID.ORGANIZATION_NAME,
		NameOID.COMMON_NAME,
	]


@pytest.mark.parametrize(
	"changes",
	[
		{"country": "cz"},
		{"organization": ""},
		{"organization": "x" * 65},
		{"common_name": "a\nb"},
		{"email": "nobody"},
	],
	ids=str,
)
def test_a_slip_is_named(changes):
	with pytest.raises(CertificateError, match=next(iter(changes)).replace("_", " ")):
		commercial.build_csr(PrivateKey(rsa_key()), replace(REQUEST, **changes))


def test_one_for_signing_will_do():
	ca = Authority()
	only_seals = ca.issue(qualified=False, key_usage=usage(commitment=True))
	mail = ca.issue(qualified=False, key_usage=OPEN, extended=[ExtendedKeyUsageOID.EMAIL_PROTECTION])
	assert codes(ca.issue(qualified=False, key_usage=OPEN), ca.certificate, roots=ca.pem) == {}
	assert codes(ca.issue(kind="seal"), ca.certificate) == {}
	assert codes(only_seals, ca.certificate) == codes(mail, ca.certificate) == {"connection_unnamed": False}


def test_what_cannot_be_used():
	ca, other = Authority(), Authority("Other")
	good = ca.issue(qualified=False, key_usage=OPEN)
	assert codes(good, ca.certificate, key=rsa_key("another"))["key_mismatch"]
	assert codes(ca.issue(until=NOW.replace(year=2026, month=6, day=10)), ca.certificate)["expired"]
	assert codes(good, ca.certificate, roots=other.pem) == {"root_unknown": True}
	assert codes(ca.certificate, key=ca.key).items() >= {"is_authority": True, "self_signed": True}.items()
	assert codes(good) == {"chain_incomplete": False}


def test_a_holder_without_a_company_is_remarked():
	person = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jana Nováková")])
	ca = Authority()
	assert codes(ca.issue(qualified=False, subject=person, key_usage=OPEN), ca.certificate) == {
		"holder_missing": False
	}


def test_no_chain_is_no_certificate():
	with pytest.raises(CertificateError):
		commercial.check((), key_fingerprint="", now=NOW)
