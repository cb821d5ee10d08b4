"""Certificates: what one says, how a file of them is read, and whether it can be used.

RFC 5280; the profile of ETSI TS 119 495 (berlin_group_migdal.md, section 6).
"""

import base64
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from bank_api.crypto import der, distinguished_name, qc_statements
from bank_api.crypto.errors import CertificateError

_USAGES = (
	"digital_signature",
	"content_commitment",
	"key_encipherment",
	"data_encipherment",
	"key_agreement",
	"key_cert_sign",
	"crl_sign",
)
_EXTENDED = {
	ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
	ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
	ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
	ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
}
MAX_DER = 64 * 1024


class Usage(str, Enum):
	"""What a certificate is for (values are the options of Bank API Certificate)."""

	TRANSPORT = "Transport"
	SIGNING = "Signing"


@dataclass(frozen=True, slots=True)
class Certificate:
	"""What a certificate says.

	Attributes:
		pem: PEM text.
		der: its bytes.
		subject, issuer: names as RFC 4514 text.
		common_name, organization, organization_identifier, country: of the subject, empty if not there.
		serial: the serial number.
		serial_hex: the same, upper case, without leading zeros.
		not_before, not_after: aware, UTC.
		key_label: `RSA 2048`, `P-256` or what else it is.
		key_fingerprint: SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal.
		is_authority: may issue certificates.
		key_usage: names of the usages, None if it does not say.
		extended_usages: `clientAuth` and the like, None if it does not say.
		dns_names: of the subject's alternative names.
		roles, authority_name, authority_id, qc_type: see `QcStatements`.
		thumbprint: base64url of the SHA-256 of `der`, as in RFC 8705's `x5t#S256`.
		issuer_name: the issuer's name.
		native: the object of `cryptography`.
	"""

	pem: str = field(repr=False)
	der: bytes = field(repr=False)
	subject: str
	issuer: str
	common_name: str
	organization: str
	organization_identifier: str
	country: str
	serial: int
	serial_hex: str
	not_before: datetime
	not_after: datetime
	key_label: str
	key_fingerprint: str
	is_authority: bool
	key_usage: tuple[str, ...] | None
	extended_usages: tuple[str, ...] | None
	dns_names: tuple[str, ...]
	roles: tuple[str, ...]
	authority_name: str
	authority_id: str
	qc_type: str | None
	thumbprint: str
	issuer_name: distinguished_name.Name = field(repr=False, compare=False)
	native: x509.Certificate = field(repr=False, compare=False)

	@property
	def header_text(self) -> str:
		"""The value of `TPP-Signature-Certificate`: base64 of the bytes in one line.

		Source: berlin_group_migdal.md, 5.1.
		"""
		return base64.b64encode(self.der).decode()


def read_der(data: bytes) -> Certificate:
	"""A certificate from its bytes.

	Raises:
		CertificateError: `certificate_unreadable`.
	"""
	try:
		if len(data) > MAX_DER:
			raise ValueError("too long")
		return _read(x509.load_der_x509_certificate(data), data)
	except Exception:  # whatever a version of `cryptography` raises for what it cannot read
		raise CertificateError("certificate_unreadable", "The certificate cannot be read.") from None


def from_header(text: str) -> Certificate:
	"""The certificate of a `TPP-Signature-Certificate` header, also with the PEM frame or line breaks left in.

	Raises:
		CertificateError: `certificate_unreadable`.
	"""
	lines = text.replace("-----BEGIN CERTIFICATE-----", "").replace("-----END CERTIFICATE-----", "")
	try:
		data = base64.b64decode("".join(lines.split()), validate=True)
	except ValueError:
		raise CertificateError("certificate_unreadable", "The certificate is not base64.") from None
	return read_der(data)


def _read(native: x509.Certificate, data: bytes) -> Certificate:
	subject = distinguished_name.from_der(native.subject.public_bytes())
	issuer = distinguished_name.from_der(native.issuer.public_bytes())
	spki = native.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
	extensions = native.extensions
	statements = _statements(extensions)
	return Certificate(
		pem=native.public_bytes(Encoding.PEM).decode(),
		der=data,
		subject=distinguished_name.rfc4514(subject),
		issuer=distinguished_name.rfc4514(issuer),
		common_name=distinguished_name.first(subject, "2.5.4.3"),
		organization=distinguished_name.first(subject, "2.5.4.10"),
		organization_identifier=distinguished_name.first(subject, "2.5.4.97"),
		country=distinguished_name.first(subject, "2.5.4.6"),
		serial=native.serial_number,
		serial_hex=f"{native.serial_number:X}",
		not_before=_instant(native, "not_valid_before"),
		not_after=_instant(native, "not_valid_after"),
		key_label=_key_label(native.public_key()),
		key_fingerprint=sha256(spki).hexdigest(),
		is_authority=_is_authority(extensions),
		key_usage=_key_usage(extensions),
		extended_usages=_extended_usages(extensions),
		dns_names=_dns_names(extensions),
		roles=statements.roles,
		authority_name=statements.authority_name,
		authority_id=statements.authority_id,
		qc_type=statements.qc_type,
		thumbprint=base64.urlsafe_b64encode(sha256(data).digest()).decode().rstrip("="),
		issuer_name=issuer,
		native=native,
	)


def _instant(native: x509.Certificate, name: str) -> datetime:
	"""`cryptography` 42 brought the aware form; until then the instant is naive and UTC."""
	aware = getattr(native, f"{name}_utc", None)
	return aware or getattr(native, name).replace(tzinfo=timezone.utc)


def _key_label(key: object) -> str:
	if isinstance(key, rsa.RSAPublicKey):
		return f"RSA {key.key_size}"
	curve = getattr(getattr(key, "curve", None), "name", "")
	return {"secp256r1": "P-256"}.get(curve, curve or type(key).__name__.strip("_"))


def _extension(extensions: x509.Extensions, oid: x509.ObjectIdentifier):
	try:
		return extensions.get_extension_for_oid(oid).value
	except x509.ExtensionNotFound:
		return None


def _is_authority(extensions: x509.Extensions) -> bool:
	constraints = _extension(extensions, ExtensionOID.BASIC_CONSTRAINTS)
	return bool(constraints and constraints.ca)


def _key_usage(extensions: x509.Extensions) -> tuple[str, ...] | None:
	usage = _extension(extensions, ExtensionOID.KEY_USAGE)
	return None if usage is None else tuple(name for name in _USAGES if getattr(usage, name))


def _extended_usages(extensions: x509.Extensions) -> tuple[str, ...] | None:
	usages = _extension(extensions, ExtensionOID.EXTENDED_KEY_USAGE)
	return None if usages is None else tuple(_EXTENDED.get(oid, oid.dotted_string) for oid in usages)


def _dns_names(extensions: x509.Extensions) -> tuple[str, ...]:
	names = _extension(extensions, ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
	return tuple(names.get_values_for_type(x509.DNSName)) if names else ()


def _statements(extensions: x509.Extensions) -> qc_statements.QcStatements:
	"""The ETSI statements; a certificate with statements that cannot be read counts as one without."""
	found = _extension(extensions, x509.ObjectIdentifier(qc_statements.EXTENSION))
	try:
		return qc_statements.read(found.value) if found else qc_statements.QcStatements()
	except der.DerError:
		return qc_statements.QcStatements()
