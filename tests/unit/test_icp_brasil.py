"""The certificates of Open Finance Brasil: requests judged and certified by OpenSSL, and what an upload finds in them."""

import datetime as dt
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from certificate_factory import ec_key, key_pem, rsa_key
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from bank_api.crypto.bundle import read_bundle
from bank_api.crypto.certificates import CertificateError, Usage
from bank_api.crypto.icp_brasil import IcpRequest, build_csr
from bank_api.crypto.icp_checks import Holder, check, read
from bank_api.crypto.keys import PrivateKey
from bank_api.crypto.secret import Secret

ORGANIZATION = "74e929d9-33b6-4d85-8ba7-c146c867a817"
SOFTWARE = "10120340-3318-4baf-99e2-0b56729c4ab2"
OTHER = "f2646fa1-0000-4000-8000-000000000000"
HOLDER = Holder(ORGANIZATION, SOFTWARE)
NUMBERS = "24121975" + "11144477735"

TRANSPORT = IcpRequest(
	usage=Usage.TRANSPORT,
	organization="Crédito Exemplo S.A.",
	company_number="11222333000181",
	organization_id=ORGANIZATION,
	software_statement_id=SOFTWARE,
	common_name="bank.example.com",
	state="São Paulo",
	locality="Campinas",
	dns_names=("bank.example.com", "*.bank.example.com"),
)
SEAL = IcpRequest(
	usage=Usage.SIGNING,
	organization="Crédito Exemplo S.A.",
	company_number="11222333000181",
	organization_id=ORGANIZATION,
	common_name="Crédito Exemplo S.A.",
	units=("AC Exemplo ICP", "99888777000166", "Videoconferencia"),
	responsible="Maria da Silva",
	responsible_numbers=Secret(NUMBERS),
)
WISHES = {"brcac": TRANSPORT, "brseal": SEAL}
KEY = PrivateKey(rsa_key("icp"))
openssl_needed = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


def openssl(*arguments: str, data: bytes = b"") -> str:
	done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, timeout=60)
	assert done.returncode == 0, done.stderr.decode()
	return (done.stdout + done.stderr).decode()


# --- the request


@openssl_needed
def test_openssl_reads_the_subject_of_a_transport_request():
	text = openssl(
		"req",
		"-verify",
		"-noout",
		"-subject",
		"-nameopt",
		"RFC2253,-esc_msb,utf8",
		data=build_csr(KEY, TRANSPORT).encode(),
	)
	assert "verify OK" in text
	# The order of quanto_ofb.md, 5.6 (tls_client_auth_subject_dn), last attribute first.
	assert (
		f"CN=bank.example.com,UID={SOFTWARE},organizationIdentifier=OFBBR-{ORGANIZATION},L=Campinas,ST=São Paulo,"
		"O=Crédito Exemplo S.A.,C=BR,serialNumber=11222333000181,jurisdictionC=BR,"
		"businessCategory=Private Organization"
	) in text


@openssl_needed
def test_openssl_reads_the_subject_of_a_seal_request():
	text = openssl(
		"req",
		"-verify",
		"-noout",
		"-subject",
		"-nameopt",
		"RFC2253,-esc_msb,utf8",
		data=build_csr(KEY, SEAL).encode(),
	)
	assert (
		"CN=Crédito Exemplo S.A.,OU=Videoconferencia,OU=99888777000166,OU=AC Exemplo ICP,O=ICP-Brasil,C=BR,"
		f"UID={ORGANIZATION}"
	) in text
	assert "verify OK" in text and SOFTWARE not in text


@openssl_needed
def test_openssl_reads_the_usages():
	transport = openssl("req", "-noout", "-text", data=build_csr(KEY, TRANSPORT).encode())
	assert re.search(r"Key Usage: critical\s+Digital Signature, Key Encipherment\n", transport)
	assert re.search(r"Extended Key Usage:\s+TLS Web Client Authentication\n", transport)
	assert "DNS:bank.example.com, DNS:*.bank.example.com" in transport and "CA:FALSE" in transport
	seal = openssl("req", "-noout", "-text", data=build_csr(KEY, SEAL).encode())
	assert re.search(r"Key Usage: critical\s+Digital Signature, Non Repudiation\n", seal)
	assert "Extended Key Usage" not in seal and "sha256WithRSAEncryption" in seal


@openssl_needed
def test_openssl_reads_the_names_of_a_seal(tmp_path: Path):
	request = x509.load_pem_x509_csr(build_csr(KEY, SEAL).encode())
	found = request.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
	file = tmp_path / "names.der"
	file.write_bytes(found.public_bytes())
	lines = openssl("asn1parse", "-inform", "DER", "-in", str(file))
	pairs = re.findall(r"OBJECT\s+:(\S+)\n.*cont.*\n.*UTF8STRING\s+:(.*)\n", lines)
	assert pairs == [
		("2.16.76.1.3.2", "Maria da Silva"),
		("2.16.76.1.3.3", "11222333000181"),
		("2.16.76.1.3.4", NUMBERS + "0" * 26),
		("2.16.76.1.3.7", "0" * 12),
	]


def test_no_number_of_a_person_is_in_a_request_that_was_given_none():
	data = x509.load_pem_x509_csr(
		build_csr(KEY, replace(SEAL, responsible_numbers=Secret(""))).encode()
	).public_bytes
	from cryptography.hazmat.primitives.serialization import Encoding

	assert b"11144477735" not in data(Encoding.DER) and b"11222333000181" in data(Encoding.DER)
	assert NUMBERS not in repr(SEAL)


def test_only_rsa_keys():
	with pytest.raises(CertificateError) as caught:
		build_csr(PrivateKey(ec_key()), TRANSPORT)
	assert caught.value.code == "icp_rsa"


@pytest.mark.parametrize(
	("wish", "change", "label"),
	[
		("brcac", {"organization": ""}, "organization"),
		("brcac", {"organization": "a" * 65}, "organization"),
		("brcac", {"company_number": "11.222.333/0001-81"}, "company number"),
		("brcac", {"organization_id": "abc"}, "organization id"),
		("brcac", {"organization_id": ORGANIZATION.upper()}, "organization id"),
		("brcac", {"software_statement_id": ""}, "software statement id"),
		("brcac", {"business_category": "Bank"}, "business category"),
		("brcac", {"state": ""}, "state"),
		("brcac", {"locality": " Campinas"}, "locality"),
		("brcac", {"dns_names": ()}, "dns names"),
		("brcac", {"dns_names": ("localhost",)}, "dns names"),
		("brseal", {"units": ("a", "b", "c", "d")}, "units"),
		("brseal", {"units": ("a\nb",)}, "units"),
		("brseal", {"responsible": "\x00"}, "responsible"),
		("brseal", {"responsible_numbers": Secret("111.444")}, "responsible numbers"),
	],
)
def test_a_field_that_cannot_be_is_named(wish, change, label):
	with pytest.raises(CertificateError, match=f"The {label} of the signing request") as caught:
		build_csr(KEY, replace(WISHES[wish], **change))
	assert caught.value.code == "csr_field"
	assert "111.444" not in str(caught.value)


@given(
	st.builds(
		IcpRequest,
		usage=st.sampled_from(Usage),
		organization=st.text(max_size=70),
		company_number=st.just("11222333000181") | st.just("12ABC34501DE35") | st.text(max_size=15),
		organization_id=st.just(ORGANIZATION),
		software_statement_id=st.just(SOFTWARE),
		common_name=st.text(max_size=70),
		state=st.text(max_size=10) | st.just("SP"),
		locality=st.just("Campinas"),
		dns_names=st.just(("a.example",)),
		units=st.lists(st.text(max_size=5), max_size=4).map(tuple),
		responsible=st.text(max_size=20),
	)
)
def test_any_wish_is_either_met_or_refused(wish):
	try:
		text = build_csr(KEY, wish)
	except CertificateError as error:
		assert error.code == "csr_field"
		return
	assert x509.load_pem_x509_csr(text.encode()).is_signature_valid


# --- what an upload finds, in certificates that OpenSSL has issued


class Issuer:
	"""An authority that is OpenSSL's command, so that no mistake in building certificates is shared."""

	def __init__(self, folder: Path):
		self.folder = folder
		(folder / "ca.key").write_bytes(key_pem(rsa_key("icp authority")))
		openssl(
			*(
				"req",
				"-x509",
				"-new",
				"-key",
				self._path("ca.key"),
				"-out",
				self._path("ca.pem"),
				"-days",
				"30",
			),
			*("-subj", "/C=BR/O=ICP-Brasil/CN=AC Exemplo", "-addext", "basicConstraints=critical,CA:TRUE"),
		)
		self.root = (folder / "ca.pem").read_text()

	def _path(self, name: str) -> str:
		return str(self.folder / name)

	def issue(self, csr: str, *arguments: str) -> bytes:
		"""Leaf and issuer; further arguments go to `openssl x509`."""
		(self.folder / "leaf.csr").write_text(csr)
		openssl(
			*("x509", "-req", "-in", self._path("leaf.csr"), "-out", self._path("leaf.pem"), "-days", "10"),
			*("-CA", self._path("ca.pem"), "-CAkey", self._path("ca.key"), "-CAcreateserial"),
			*("-copy_extensions", "copy", *arguments),
		)
		return (self.folder / "leaf.pem").read_bytes() + self.root.encode()

	def plain(self, subject: str, usages: str, extended: str = "", *, key: object = None) -> bytes:
		"""A certificate of any subject and usages."""
		(self.folder / "plain.key").write_bytes(key_pem(key or rsa_key("icp")))
		extensions = ["-addext", f"keyUsage=critical,{usages}"]
		if extended:
			extensions += ["-addext", f"extendedKeyUsage={extended}"]
		openssl(
			*(
				"req",
				"-new",
				"-key",
				self._path("plain.key"),
				"-subj",
				subject,
				"-out",
				self._path("plain.csr"),
			),
			*extensions,
		)
		return self.issue((self.folder / "plain.csr").read_text())


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
	if not shutil.which("openssl"):
		pytest.skip("needs the openssl command")
	return Issuer(tmp_path_factory.mktemp("icp"))


@cache
def requested(kind: str) -> str:
	return build_csr(KEY, WISHES[kind])


def judged(
	data: bytes, usage: Usage, *, key: PrivateKey = KEY, holder: Holder = HOLDER, days: int = 0, **more
):
	now = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=10, days=days)
	chain = read_bundle(data).chain
	return check(chain, key_fingerprint=key.fingerprint, usage=usage, now=now, holder=holder, **more)


def codes(findings) -> list[str]:
	return [finding.code for finding in findings if finding.fatal]


@pytest.mark.parametrize(("kind", "usage"), [("brcac", Usage.TRANSPORT), ("brseal", Usage.SIGNING)])
def test_what_was_requested_and_issued_fits(issuer: Issuer, kind: str, usage: Usage):
	assert judged(issuer.issue(requested(kind)), usage, roots=issuer.root) == []


@pytest.mark.parametrize(
	("kind", "usage", "code"),
	[("brcac", Usage.SIGNING, "icp_level_transport"), ("brseal", Usage.TRANSPORT, "icp_level_seal")],
)
@pytest.mark.parametrize("holder", [HOLDER, Holder()])
def test_the_other_level_is_refused(issuer: Issuer, kind: str, usage: Usage, code: str, holder: Holder):
	found = judged(issuer.issue(requested(kind)), usage, holder=holder)
	assert codes(found) == [code]
	assert "belongs to" in found[0].message


def test_another_application_or_organisation_is_refused(issuer: Issuer):
	transport, seal = issuer.issue(requested("brcac")), issuer.issue(requested("brseal"))
	assert codes(judged(transport, Usage.TRANSPORT, holder=Holder(ORGANIZATION, OTHER))) == ["icp_software"]
	assert codes(judged(transport, Usage.TRANSPORT, holder=Holder(OTHER, SOFTWARE))) == ["icp_organization"]
	assert codes(judged(seal, Usage.SIGNING, holder=Holder(OTHER, SOFTWARE))) == ["icp_organization"]


def test_ids_are_compared_without_regard_to_case(issuer: Issuer):
	holder = Holder(ORGANIZATION.upper(), SOFTWARE.upper())
	assert codes(judged(issuer.issue(requested("brcac")), Usage.TRANSPORT, holder=holder)) == []


def test_another_key_an_ended_one_and_a_weak_hash_are_refused(issuer: Issuer):
	data = issuer.issue(requested("brcac"))
	assert codes(judged(data, Usage.TRANSPORT, key=PrivateKey(rsa_key("other")))) == ["key_mismatch"]
	assert "expired" in codes(judged(data, Usage.TRANSPORT, days=15))
	sha1 = issuer.issue(requested("brcac"), "-sha1")
	assert "icp_hash" in codes(judged(sha1, Usage.TRANSPORT))


def test_a_key_of_another_kind_is_refused(issuer: Issuer):
	subject = f"/UID={SOFTWARE}/C=BR/organizationIdentifier=OFBBR-{ORGANIZATION}/CN=bank.example.com"
	data = issuer.plain(subject, "digitalSignature", "clientAuth", key=ec_key())
	assert codes(judged(data, Usage.TRANSPORT, key=PrivateKey(ec_key()))) == ["icp_rsa"]


def test_usages_have_to_be_there(issuer: Issuer):
	subject = f"/UID={SOFTWARE}/C=BR/organizationIdentifier=OFBBR-{ORGANIZATION}/CN=bank.example.com"
	assert codes(judged(issuer.plain(subject, "digitalSignature"), Usage.TRANSPORT)) == ["icp_no_client"]
	seal = issuer.plain(f"/UID={ORGANIZATION}/C=BR/O=ICP-Brasil/CN=Example", "digitalSignature")
	assert codes(judged(seal, Usage.SIGNING)) == ["icp_no_seal"]


def test_the_older_unit_and_the_short_form_of_the_directorys_sandbox_are_read(issuer: Issuer):
	older = issuer.plain(
		f"/UID={SOFTWARE}/C=BR/OU={ORGANIZATION}/CN=bank.example.com", "digitalSignature", "clientAuth"
	)
	assert codes(judged(older, Usage.TRANSPORT)) == []
	short = issuer.plain(f"/C=BR/O=OpenBR/OU={ORGANIZATION}/CN={SOFTWARE}", "digitalSignature", "clientAuth")
	found = judged(short, Usage.TRANSPORT)
	assert codes(found) == [] and [f.code for f in found] == ["icp_directory_sandbox"]
	assert read(read_bundle(short).chain[0]).short
	seal = issuer.plain(f"/C=BR/O=OpenBR/OU={ORGANIZATION}/CN=Example", "digitalSignature,nonRepudiation")
	assert codes(judged(seal, Usage.SIGNING)) == []
	assert codes(judged(seal, Usage.TRANSPORT)) == ["icp_level_seal"]


def test_the_chain_is_judged_too(issuer: Issuer, tmp_path: Path):
	data = issuer.issue(requested("brseal"))
	leaf = data.split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n"
	assert [f.code for f in judged(leaf, Usage.SIGNING)] == ["chain_incomplete"]
	assert codes(judged(issuer.root.encode(), Usage.SIGNING))[:2] == ["key_mismatch", "is_authority"]
