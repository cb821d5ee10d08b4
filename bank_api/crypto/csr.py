"""Signing requests (PKCS#10) for transport (QWAC) and signing (QSEAL) certificates.

RFC 2986; what the certificate is to carry: berlin_group_migdal.md, 6.1 to 6.3 (ETSI TS 119 495, EN 319 412).
"""

import re
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bank_api.crypto import qc_statements
from bank_api.crypto.certificate import Usage
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey

ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")  # has no name in `cryptography` 41
_DNS_NAME = re.compile(r"(?=.{1,253}\Z)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")
_EMAIL = re.compile(r"[!-?A-~]{1,64}@[a-zA-Z0-9.-]{1,190}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_AUTHORITY_ID = re.compile(r"[A-Z]{2}-\S{1,200}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class CsrRequest:
	"""Whom and what a certificate is for.

	Attributes:
		usage: transport or signing.
		country: two capital letters.
		organization: the legal name, at most 64 characters.
		organization_identifier: `PSDIL-CMA-516000001` or the authority's other form; opaque.
		common_name: at most 64 characters; the host's name on a transport certificate.
		dns_names: host names, needed for a transport certificate.
		roles: PSD2 roles; none if the authority wants no PSD2 statement.
		authority_name: who authorised the firm.
		authority_id: its identifier, such as `IL-CMA`.
		email: contact address, put among the alternative names; sources write to it.
	"""

	usage: Usage
	country: str
	organization: str
	organization_identifier: str
	common_name: str
	dns_names: tuple[str, ...] = ()
	roles: tuple[str, ...] = ("PSP_AI",)
	authority_name: str = ""
	authority_id: str = ""
	email: str = ""


def build_csr(key: PrivateKey, request: CsrRequest) -> str:
	"""The signing request as PEM text.

	Raises:
		CertificateError: `csr_field`; the message names the field.
	"""
	_check(request)
	seal = request.usage is Usage.SIGNING
	builder = (
		x509.CertificateSigningRequestBuilder()
		.subject_name(_subject(request))
		.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
		.add_extension(key_usage(content_commitment=seal), critical=True)
		.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.native.public_key()), critical=False)
		.add_extension(_statements(request), critical=False)
	)
	if not seal:
		usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
		builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
	if names := _alternative_names(request):
		builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
	return builder.sign(key.native, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


class Named(Protocol):
	"""What the requests of all kinds say of the holder."""

	@property
	def country(self) -> str: ...
	@property
	def organization(self) -> str: ...
	@property
	def common_name(self) -> str: ...
	@property
	def organization_identifier(self) -> str: ...
	@property
	def email(self) -> str: ...


def check_names(request: Named) -> None:
	"""What a request of any kind may say of the holder.

	Raises:
		CertificateError: `csr_field`; the message names the field.
	"""
	_demand(_COUNTRY.match(request.country), "country", "two capital letters")
	for name, most in (("organization", 64), ("common_name", 64), ("organization_identifier", 128)):
		text = getattr(request, name)
		fits = text and text == text.strip() and len(text) <= most and not _CONTROL.search(text)
		fits = fits or (not text and name == "organization_identifier")
		_demand(fits, name, f"1 to {most} characters without blanks around")
	_demand(not request.email or _EMAIL.match(request.email), "email", "an e-mail address, or nothing")


def _check(request: CsrRequest) -> None:
	check_names(request)
	_demand(request.organization_identifier, "organization_identifier", "1 to 128 characters")
	if request.usage is Usage.TRANSPORT:
		_demand(request.dns_names, "dns_names", "at least one host name")
	_demand(
		all(map(_DNS_NAME.match, request.dns_names)),
		"dns_names",
		"host names in lower case, such as a.example.com",
	)
	_demand(set(request.roles) <= set(qc_statements.ROLES), "roles", ", ".join(qc_statements.ROLES))
	if request.roles:
		name = request.authority_name
		_demand(
			name.strip() and len(name) <= 256 and not _CONTROL.search(name),
			"authority_name",
			"1 to 256 characters",
		)
		_demand(
			_AUTHORITY_ID.match(request.authority_id),
			"authority_id",
			"country, hyphen and letters, such as IL-CMA",
		)


def _demand(fits: object, name: str, rule: str) -> None:
	if not fits:
		label = name.replace("_", " ")
		raise CertificateError("csr_field", f"The {label} of the signing request has to be: {rule}.")


def _subject(request: CsrRequest) -> x509.Name:
	values = (
		(NameOID.COUNTRY_NAME, request.country),
		(NameOID.ORGANIZATION_NAME, request.organization),
		(ORGANIZATION_IDENTIFIER, request.organization_identifier),
		(NameOID.COMMON_NAME, request.common_name),
	)
	return x509.Name([x509.NameAttribute(oid, value) for oid, value in values])


def key_usage(*, content_commitment: bool) -> x509.KeyUsage:
	"""What a key is asked to be allowed: signatures, and seals if wished."""
	return x509.KeyUsage(
		digital_signature=True,
		content_commitment=content_commitment,
		key_encipherment=False,
		data_encipherment=False,
		key_agreement=False,
		key_cert_sign=False,
		crl_sign=False,
		encipher_only=False,
		decipher_only=False,
	)


def _statements(request: CsrRequest) -> x509.UnrecognizedExtension:
	"""What the applicant can say: the kind and the roles. The rest is for the authority to state."""
	statements = qc_statements.QcStatements(
		qc_type="seal" if request.usage is Usage.SIGNING else "web",
		roles=request.roles,
		authority_name=request.authority_name,
		authority_id=request.authority_id,
	)
	return x509.UnrecognizedExtension(
		x509.ObjectIdentifier(qc_statements.EXTENSION), qc_statements.build(statements)
	)


def _alternative_names(request: CsrRequest) -> list[x509.GeneralName]:
	names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
	return names + ([x509.RFC822Name(request.email)] if request.email else [])
