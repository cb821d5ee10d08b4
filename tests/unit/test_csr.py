"""Signing requests, judged by OpenSSL and read back by `cryptography`."""

import shutil
import subprocess
from dataclasses import replace

import pytest
from certificate_factory import ec_key, rsa_key
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from bank_api.crypto import qc_statements
from bank_api.crypto.certificates import CertificateError, Usage
from bank_api.crypto.csr import CsrRequest, build_csr
from bank_api.crypto.keys import PrivateKey

SEAL = CsrRequest(
	usage=Usage.SIGNING,
	country="IL",
	organization="ספק שירות בע״מ",
	organization_identifier="PSDIL-CMA-516000001",
	common_name="Sim TPP Seal",
	roles=("PSP_AI", "PSP_PI"),
	authority_name="רשות שוק ההון",
	authority_id="IL-CMA",
	email="security@tpp.sim.example",
)
WEB = replace(
	SEAL, usage=Usage.TRANSPORT, common_name="tpp.sim.example", dns_names=("tpp.sim.example", "b.sim.example")
)
KEYS = {"RSA": PrivateKey(rsa_key()), "P-256": PrivateKey(ec_key())}


def extension(request, oid):
	return request.extensions.get_extension_for_oid(oid)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("wish", [SEAL, WEB], ids=["seal", "web"])
def test_what_the_request_says(wish, key):
	made = x509.load_pem_x509_csr(build_csr(key, wish).encode())
	assert made.is_signature_valid
	assert made.public_key().public_numbers() == key.native.public_key().public_numbers()
	said = {attribute.oid.dotted_string: attribute.value for attribute in made.subject}
	assert said == {
		"2.5.4.6": "IL",
		"2.5.4.10": wish.organization,
		"2.5.4.97": "PSDIL-CMA-516000001",
		"2.5.4.3": wish.common_name,
	}
	usage = extension(made, ExtensionOID.KEY_USAGE)
	assert usage.critical and usage.value.digital_signature
	assert usage.value.content_commitment is (wish is SEAL)
	found = extension(made, x509.ObjectIdentifier(qc_statements.EXTENSION))
	said = qc_statements.read(found.value.value)
	assert not found.critical
	assert said.qc_type == ("seal" if wish is SEAL else "web")
	assert (said.roles, said.authority_name, said.authority_id) == (
		("PSP_AI", "PSP_PI"),
		"רשות שוק ההון",
		"IL-CMA",
	)
	assert not said.qualified and not said.on_device  # that is for the authority to say
	names = extension(made, ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
	assert names.get_values_for_type(x509.DNSName) == list(wish.dns_names)
	assert names.get_values_for_type(x509.RFC822Name) == ["security@tpp.sim.example"]
	assert not extension(made, ExtensionOID.BASIC_CONSTRAINTS).value.ca


def test_only_a_transport_certificate_is_for_tls():
	usages = extension(
		x509.load_pem_x509_csr(build_csr(KEYS["RSA"], WEB).encode()), ExtensionOID.EXTENDED_KEY_USAGE
	)
	assert set(usages.value) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
	seal = x509.load_pem_x509_csr(build_csr(KEYS["RSA"], SEAL).encode())
	with pytest.raises(x509.ExtensionNotFound):
		extension(seal, ExtensionOID.EXTENDED_KEY_USAGE)


def test_without_roles_no_authority_is_needed():
	wish = replace(SEAL, roles=(), authority_name="", authority_id="", email="")
	made = x509.load_pem_x509_csr(build_csr(KEYS["P-256"], wish).encode())
	assert (
		qc_statements.read(extension(made, x509.ObjectIdentifier(qc_statements.EXTENSION)).value.value).roles
		== ()
	)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("wish", [SEAL, WEB], ids=["seal", "web"])
def test_openssl_takes_it(wish, key):
	command = ["openssl", "req", "-verify", "-noout", "-text", "-subject", "-nameopt", "RFC2253,-esc_msb"]
	text = build_csr(key, wish)
	judged = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60)
	told = (judged.stdout + judged.stderr).decode()
	assert judged.returncode == 0 and "verify OK" in told
	assert (
		f"CN={wish.common_name},organizationIdentifier=PSDIL-CMA-516000001,O={wish.organization},C=IL" in told
	)
	usages = (
		"Digital Signature, Non Repudiation"
		if wish is SEAL
		else "TLS Web Server Authentication, TLS Web Client"
	)
	assert usages in told
	assert "email:security@tpp.sim.example" in told
	lines = text.splitlines()
	lines[5] = lines[5][:-4] + ("AAAA" if lines[5][-4:] != "AAAA" else "BBBB")
	spoilt = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, timeout=60)
	assert b"verify OK" not in spoilt.stdout + spoilt.stderr


@pytest.mark.parametrize(
	("change", "label"),
	[
		({"country": "il"}, "country"),
		({"country": "ISR"}, "country"),
		({"organization": ""}, "organization"),
		({"organization": " a"}, "organization"),
		({"organization": "a" * 65}, "organization"),
		({"organization_identifier": ""}, "organization identifier"),
		({"common_name": "a\nb"}, "common name"),
		({"dns_names": ()}, "dns names"),
		({"dns_names": ("A.example",)}, "dns names"),
		({"dns_names": ("a.example", "קוד.example")}, "dns names"),
		({"dns_names": ("localhost",)}, "dns names"),
		({"dns_names": ("-a.example",)}, "dns names"),
		({"email": "nobody"}, "email"),
		({"roles": ("PSP_XX",)}, "roles"),
		({"authority_name": " "}, "authority name"),
		({"authority_id": "CMA"}, "authority id"),
	],
)
def test_a_field_that_cannot_be_is_named(change, label):
	with pytest.raises(CertificateError, match=f"The {label} of the signing request") as caught:
		build_csr(KEYS["RSA"], replace(WEB, **change))
	assert caught.value.code == "csr_field"


@given(
	st.builds(
		CsrRequest,
		usage=st.sampled_from(Usage),
		country=st.sampled_from(["IL", "FR", "il", ""]),
		organization=st.text(max_size=70),
		organization_identifier=st.text(max_size=140),
		common_name=st.text(max_size=70),
		dns_names=st.lists(st.text("a.-*", max_size=10) | st.just("a.example"), max_size=2).map(tuple),
		roles=st.sampled_from([(), ("PSP_AI",)]),
		authority_name=st.text(max_size=20),
		authority_id=st.sampled_from(["IL-CMA", "FR-ACPR", ""]),
		email=st.text(max_size=20) | st.just("a@b.example"),
	)
)
def test_any_wish_is_either_met_or_refused(wish):
	try:
		text = build_csr(KEYS["P-256"], wish)
	except CertificateError as error:
		assert error.code == "csr_field"
		return
	assert x509.load_pem_x509_csr(text.encode()).is_signature_valid
