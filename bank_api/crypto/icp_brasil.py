"""Signing requests (PKCS#10) for the two certificates of Open Finance Brasil: BRCAC (transport) and BRSEAL (signing).

The profiles: quanto_ofb.md, 5.6 (OFB certificate standard, its OpenSSL templates); the layout of the alternative names:
DOC-ICP-04, 7.1.2.3 (Resolução CG ICP-Brasil 179/2020).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from bank_api.crypto import der
from bank_api.crypto.certificate import Usage
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey
from bank_api.crypto.secret import Secret

ORGANIZATION_IDENTIFIER = "2.5.4.97"
USER_ID = "0.9.2342.19200300.100.1.1"
SCHEME = "OFBBR-"
SEAL_ORGANIZATION = "ICP-Brasil"
BUSINESS_CATEGORIES = (
	"Private Organization",
	"Government Entity",
	"Business Entity",
	"Non-Commercial Entity",
)

_RESPONSIBLE_NAME = "2.16.76.1.3.2"
_COMPANY = "2.16.76.1.3.3"
_RESPONSIBLE_DATA = "2.16.76.1.3.4"
_CEI = "2.16.76.1.3.7"

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}\Z")
_DNS_NAME = re.compile(r"(?=.{1,253}\Z)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")
_RESPONSIBLE = re.compile(r"[0-9]{8}[0-9]{11}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_UNITS = 3


@dataclass(frozen=True, slots=True)
class IcpRequest:
	"""Whom and what a certificate is for.

	Attributes:
		usage: transport (BRCAC) or signing (BRSEAL).
		organization: the company's legal name, at most 64 characters.
		company_number: its CNPJ, 14 characters.
		organization_id: its UUID in the Directory.
		common_name: BRCAC: host name; BRSEAL: the company's name.
		software_statement_id: BRCAC: UUID of the application in the Directory.
		business_category: BRCAC: one of `BUSINESS_CATEGORIES`.
		state, locality: BRCAC: of the company's address.
		dns_names: BRCAC: host names.
		units: BRSEAL: what the certification authority wants as its three units: its name, the CNPJ of the registration
			authority, the kind of validation.
		responsible: BRSEAL: name of the person in charge.
		responsible_numbers: BRSEAL: that person's date of birth (DDMMYYYY) and CPF, 19 digits; who issues the
			certificate checks them anyway, so they may be left out.
	"""

	usage: Usage
	organization: str
	company_number: str
	organization_id: str
	common_name: str
	software_statement_id: str = ""
	business_category: str = BUSINESS_CATEGORIES[0]
	state: str = ""
	locality: str = ""
	dns_names: tuple[str, ...] = ()
	units: tuple[str, ...] = ()
	responsible: str = ""
	responsible_numbers: Secret = field(default_factory=lambda: Secret(""))


def build_csr(key: PrivateKey, request: IcpRequest) -> str:
	"""The signing request as PEM text.

	Raises:
		CertificateError: `csr_field`, the message names the field; `icp_rsa`, the key is not RSA.
	"""
	if not key.label.startswith("RSA"):
		raise CertificateError("icp_rsa", "ICP-Brasil certificates have RSA keys.")
	seal = request.usage is Usage.SIGNING
	_check(request, _SEAL_RULES if seal else _TRANSPORT_RULES)
	builder = (
		x509.CertificateSigningRequestBuilder()
		.subject_name(_name(_seal_subject(request) if seal else _transport_subject(request)))
		.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
		.add_extension(_key_usage(seal), critical=True)
		.add_extension(x509.SubjectAlternativeName(_names(request, seal)), critical=False)
	)
	if not seal:
		builder = builder.add_extension(
			x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
		)
	return builder.sign(key.native, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


# --- what the fields have to be


Rule = tuple[str, Callable[[Any], object], str]


def _text(most: int, least: int = 1) -> Callable[[str], bool]:
	def fits(value: str) -> bool:
		return least <= len(value) <= most and value == value.strip() and not _CONTROL.search(value)

	return fits


_COMMON_RULES: tuple[Rule, ...] = (
	("organization", _text(64), "1 to 64 characters"),
	("company_number", _CNPJ.match, "a CNPJ of 14 characters without punctuation"),
	("organization_id", _ID.match, "a UUID from the Directory, in small letters"),
	("common_name", _text(64), "1 to 64 characters"),
)
_TRANSPORT_RULES: tuple[Rule, ...] = (
	*_COMMON_RULES,
	("software_statement_id", _ID.match, "a UUID from the Directory, in small letters"),
	("business_category", BUSINESS_CATEGORIES.__contains__, "one of: " + ", ".join(BUSINESS_CATEGORIES)),
	("state", _text(128), "1 to 128 characters"),
	("locality", _text(128), "1 to 128 characters"),
	("dns_names", lambda names: names and all(map(_DNS_NAME.match, names)), "host names in lower case"),
)
_SEAL_RULES: tuple[Rule, ...] = (
	*_COMMON_RULES,
	(
		"units",
		lambda units: len(units) <= _MAX_UNITS and all(map(_text(64), units)),
		"at most three lines of 64 characters",
	),
	("responsible", _text(128, 0), "at most 128 characters"),
	(
		"responsible_numbers",
		lambda numbers: not numbers or _RESPONSIBLE.match(numbers.reveal()),
		"date of birth as DDMMYYYY and the CPF, 19 digits",
	),
)


def _check(request: IcpRequest, rules: tuple[Rule, ...]) -> None:
	for name, fits, rule in rules:
		if not fits(getattr(request, name)):
			label = name.replace("_", " ")
			raise CertificateError("csr_field", f"The {label} of the signing request has to be: {rule}.")


# --- what the request says


def _transport_subject(request: IcpRequest) -> list[tuple[str, str]]:
	return [
		("2.5.4.15", request.business_category),
		("1.3.6.1.4.1.311.60.2.1.3", "BR"),
		("2.5.4.5", request.company_number),
		("2.5.4.6", "BR"),
		("2.5.4.10", request.organization),
		("2.5.4.8", request.state),
		("2.5.4.7", request.locality),
		(ORGANIZATION_IDENTIFIER, SCHEME + request.organization_id),
		(USER_ID, request.software_statement_id),
		("2.5.4.3", request.common_name),
	]


def _seal_subject(request: IcpRequest) -> list[tuple[str, str]]:
	return [
		(USER_ID, request.organization_id),
		("2.5.4.6", "BR"),
		("2.5.4.10", SEAL_ORGANIZATION),
		*(("2.5.4.11", unit) for unit in request.units),
		("2.5.4.3", request.common_name),
	]


def _name(pairs: list[tuple[str, str]]) -> x509.Name:
	return x509.Name([x509.NameAttribute(x509.ObjectIdentifier(number), value) for number, value in pairs])


def _key_usage(seal: bool) -> x509.KeyUsage:
	return x509.KeyUsage(
		digital_signature=True,
		content_commitment=seal,
		key_encipherment=not seal,
		data_encipherment=False,
		key_agreement=False,
		key_cert_sign=False,
		crl_sign=False,
		encipher_only=False,
		decipher_only=False,
	)


def _names(request: IcpRequest, seal: bool) -> list[x509.GeneralName]:
	if not seal:
		return [x509.DNSName(name) for name in request.dns_names]
	found = [(_COMPANY, request.company_number), (_CEI, "0" * 12)]
	if request.responsible:
		found.insert(0, (_RESPONSIBLE_NAME, request.responsible))
	if request.responsible_numbers:
		found.insert(-1, (_RESPONSIBLE_DATA, _responsible_data(request.responsible_numbers)))
	return [x509.OtherName(x509.ObjectIdentifier(number), der.encode_text(text)) for number, text in found]


def _responsible_data(numbers: Secret) -> str:
	"""Date of birth 8, CPF 11, NIS 11, RG 15, its issuer 6 places; what is not there is written as zeros (the issuer
	as nothing)."""
	return numbers.reveal() + "0" * 11 + "0" * 15
