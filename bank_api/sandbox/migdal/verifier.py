"""Verifies what a client sends: certificates, Digest, Signature, roles and dates (section 5.5).

Nothing here is shared with the code that signs (``bank_api.crypto``) or issues, so that a mistake cannot agree with itself.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bank_api.sandbox.migdal import der
from bank_api.sandbox.migdal.errors import Xs2aError
from bank_api.sandbox.migdal.key_id import exact, fits
from bank_api.sandbox.migdal.switches import MigdalSwitches

WEB, SEAL = "0.4.0.1862.1.6.3", "0.4.0.1862.1.6.2"
_STATEMENTS, _TYPE, _PSD2 = "1.3.6.1.5.5.7.1.3", "0.4.0.1862.1.6", "0.4.0.19495.2"
_ROLES = {f"0.4.0.19495.1.{n}": name for n, name in enumerate(("PSP_AS", "PSP_PI", "PSP_AI", "PSP_IC"), 1)}
_ELEMENT = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^",\s]+))\s*(?:,|$)')
ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")  # NameOID has it from cryptography 42 on
_HASHES = {"SHA-256": "sha256", "SHA-512": "sha512"}
# Names of algorithms, the Java ones too (section 5.2), and what they mean.
_ALGORITHMS: dict[str, tuple[str, hashes.HashAlgorithm, str]] = {
	"rsa-sha256": ("rsa", hashes.SHA256(), "rsa-sha256"),
	"sha256withrsa": ("rsa", hashes.SHA256(), "rsa-sha256"),
	"rsa-sha512": ("rsa", hashes.SHA512(), "rsa-sha512"),
	"sha512withrsa": ("rsa", hashes.SHA512(), "rsa-sha512"),
	"ecdsa-sha256": ("ec", hashes.SHA256(), "ecdsa-sha256"),
	"sha256withecdsa": ("ec", hashes.SHA256(), "ecdsa-sha256"),
}
_ALWAYS_SIGNED = ("digest", "x-request-id")
_SIGNED_IF_SENT = ("psu-id", "psu-corporate-id", "tpp-redirect-uri")


@dataclass(frozen=True)
class Leaf:
	"""What the verifier read from a client's certificate."""

	certificate: x509.Certificate
	thumbprint: str
	organization_identifier: str
	organization: str
	roles: tuple[str, ...]
	qc_type: str


def _name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
	found = certificate.subject.get_attributes_for_oid(oid)
	return str(found[0].value) if found else ""


def _statements(certificate: x509.Certificate) -> tuple[tuple[str, ...], str]:
	for extension in certificate.extensions:
		if extension.oid.dotted_string == _STATEMENTS:
			return read_statements(extension.value.value)
	return (), ""


def read_statements(value: bytes) -> tuple[tuple[str, ...], str]:
	"""Read roles and type from a qcStatements extension, with or without the outer sequence (section 6.1).

	Args:
		value: DER.

	Returns:
		The roles by name, and the OID of the type (empty when there is none).
	"""
	outer = der.items(der.items(value)[0][1])
	if outer and outer[0][0] == der.OID:
		outer = [(der.SEQUENCE, der.items(value)[0][1])]
	roles: tuple[str, ...] = ()
	kind = ""
	for _tag, statement in outer:
		parts = der.items(statement)
		name = der.dotted(parts[0][1])
		if name == _TYPE:
			kind = der.dotted(der.items(parts[1][1])[0][1])
		elif name == _PSD2:
			listed = der.items(der.items(parts[1][1])[0][1])
			roles = tuple(_ROLES.get(der.dotted(der.items(role)[0][1]), "?") for _t, role in listed)
	return roles, kind


def read_leaf(data: bytes) -> Leaf:
	"""Read a certificate.

	Args:
		data: DER.

	Returns:
		What matters here.

	Raises:
		ValueError: It is no certificate, or its statements are broken.
	"""
	certificate = x509.load_der_x509_certificate(data)
	roles, kind = _statements(certificate)
	thumbprint = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
	return Leaf(
		certificate,
		thumbprint,
		_name(certificate, ORGANIZATION_IDENTIFIER),
		_name(certificate, NameOID.ORGANIZATION_NAME),
		roles,
		kind,
	)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
	"""Tell whether an authority really signed a certificate.

	Args:
		certificate: The certificate.
		issuer: The authority's.

	Returns:
		True when the names fit and the signature holds.
	"""
	key: Any = issuer.public_key()
	if certificate.issuer != issuer.subject or certificate.signature_hash_algorithm is None:
		return False
	arguments: list[Any] = [certificate.signature, certificate.tbs_certificate_bytes]
	if isinstance(key, rsa.RSAPublicKey):
		arguments += [padding.PKCS1v15(), certificate.signature_hash_algorithm]
	else:
		arguments.append(ec.ECDSA(certificate.signature_hash_algorithm))
	try:
		key.verify(*arguments)
	except InvalidSignature:
		return False
	return True


def validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
	"""Return both ends of a certificate's life, with their zone; old releases of ``cryptography`` leave it out."""
	try:
		return certificate.not_valid_before_utc, certificate.not_valid_after_utc
	except AttributeError:
		begin, end = certificate.not_valid_before, certificate.not_valid_after
		return begin.replace(tzinfo=timezone.utc), end.replace(tzinfo=timezone.utc)


class Verifier:
	"""Checks one request after the other.

	Args:
		issuers: The trusted authorities: ``Transport`` and ``Signing``.
		standing: Serial → ``revoked``, ``blocked`` or ``good``.
		switches: The switches, as they are now.
		now: The sandbox's instant.
		real_now: The machine's instant, which a client's Date header may follow instead.
	"""

	def __init__(
		self,
		issuers: Callable[[], Mapping[str, x509.Certificate]],
		standing: Callable[[str], str],
		switches: Callable[[], MigdalSwitches],
		now: Callable[[], datetime],
		real_now: Callable[[], datetime],
	) -> None:
		self._issuers, self._standing, self._switches = issuers, standing, switches
		self._now, self._real_now = now, real_now

	def transport(self, data: bytes | None) -> Leaf:
		"""Check the certificate of the TLS connection.

		Args:
			data: DER, or None when the client showed none.

		Returns:
			The certificate.

		Raises:
			Xs2aError: It is missing, not trusted, of the wrong kind, expired, revoked or blocked.
		"""
		if data is None:
			raise Xs2aError(401, "CERTIFICATE_MISSING", "The TLS connection carries no client certificate.")
		leaf = self._leaf(data, "Transport")
		try:
			purposes = leaf.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
		except x509.ExtensionNotFound:
			purposes = x509.ExtendedKeyUsage([])
		if leaf.qc_type not in (WEB, "") or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
			raise Xs2aError(401, "CERTIFICATE_INVALID", "The TLS certificate is no transport certificate.")
		return leaf

	def _leaf(self, data: bytes, usage: str) -> Leaf:
		try:
			leaf = read_leaf(data)
		except ValueError as error:
			raise Xs2aError(
				401, "CERTIFICATE_INVALID", f"The {usage.lower()} certificate is unreadable."
			) from error
		if not signed_by(leaf.certificate, self._issuers()[usage]):
			raise Xs2aError(
				401, "CERTIFICATE_INVALID", f"The {usage.lower()} certificate comes from no authority known."
			)
		if not leaf.organization_identifier:
			raise Xs2aError(401, "CERTIFICATE_INVALID", "The certificate has no organizationIdentifier.")
		begin, end = validity(leaf.certificate)
		if not begin <= self._now() <= end:
			raise Xs2aError(
				401, "CERTIFICATE_EXPIRED", f"The {usage.lower()} certificate is outside its validity."
			)
		standing = self._standing(f"{leaf.certificate.serial_number:X}")
		if standing == "revoked":
			raise Xs2aError(
				401, self._switches().revoked_code, f"The {usage.lower()} certificate is revoked."
			)
		if standing == "blocked":
			raise Xs2aError(401, "CERTIFICATE_BLOCKED", f"The {usage.lower()} certificate is blocked.")
		return leaf

	def signature(
		self, headers: Mapping[str, str], body: bytes, transport: Leaf, log: dict[str, Any]
	) -> Leaf:
		"""Check Digest and Signature.

		Args:
			headers: The request's, case-insensitive.
			body: The exact bytes received.
			transport: The connection's certificate.
			log: Takes the signing string that was built.

		Returns:
			The signing certificate.

		Raises:
			Xs2aError: Something does not hold.
		"""
		text = headers.get("Signature")
		if not text:
			raise Xs2aError(401, "SIGNATURE_MISSING", "The Signature header is missing.", "Signature")
		sent = headers.get("TPP-Signature-Certificate")
		if not sent:
			raise Xs2aError(
				401,
				"CERTIFICATE_MISSING",
				"The TPP-Signature-Certificate header is missing.",
				"TPP-Signature-Certificate",
			)
		leaf = self._seal(sent)
		self._date(headers.get("Date"))
		self._digest(headers.get("Digest"), body)
		self._signature(text, headers, leaf, log)
		if leaf.organization_identifier != transport.organization_identifier:
			raise Xs2aError(
				401,
				"CERTIFICATE_INVALID",
				"Transport and signing certificate belong to different organisations.",
			)
		if self._switches().role_check and not all("PSP_AI" in found.roles for found in (leaf, transport)):
			raise Xs2aError(401, "ROLE_INVALID", "The role PSP_AI is not in the certificates.")
		return leaf

	def _seal(self, sent: str) -> Leaf:
		# some senders leave the PEM frame or its line breaks in (section 5.1)
		stripped = re.sub(r"-----[A-Z ]+-----|\s|\\n", "", sent)
		try:
			data = base64.b64decode(stripped, validate=True)
		except (binascii.Error, ValueError) as error:
			raise Xs2aError(401, "CERTIFICATE_INVALID", "TPP-Signature-Certificate is not base64.") from error
		leaf = self._leaf(data, "Signing")
		usage = leaf.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
		if leaf.qc_type not in (SEAL, "") or not (usage.digital_signature or usage.content_commitment):
			raise Xs2aError(
				401, "CERTIFICATE_INVALID", "TPP-Signature-Certificate is no signing certificate."
			)
		return leaf

	def _date(self, text: str | None) -> None:
		tolerance = self._switches().date_tolerance
		if text is None or not tolerance:
			return
		try:
			moment = parsedate_to_datetime(text)
		except (TypeError, ValueError) as error:
			raise Xs2aError(
				400, "TIMESTAMP_INVALID", "The Date header is not an HTTP date.", "Date"
			) from error
		moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
		distances = [abs((moment - now).total_seconds()) for now in (self._now(), self._real_now())]
		if min(distances) > tolerance:
			raise Xs2aError(400, "TIMESTAMP_INVALID", "The Date header is too far from the present.", "Date")

	def _digest(self, text: str | None, body: bytes) -> None:
		name, separator, value = (text or "").strip().partition("=")
		if not separator:
			raise Xs2aError(401, "SIGNATURE_INVALID", "The Digest header is missing or malformed.", "Digest")
		if name.upper() not in self._switches().digest_algorithms or name.upper() not in _HASHES:
			raise Xs2aError(401, "SIGNATURE_INVALID", "The Digest algorithm is not accepted.", "Digest")
		expected = base64.b64encode(hashlib.new(_HASHES[name.upper()], body).digest()).decode()
		if value != expected:
			raise Xs2aError(401, "SIGNATURE_INVALID", "The Digest does not fit the body.", "Digest")

	def _signature(self, text: str, headers: Mapping[str, str], leaf: Leaf, log: dict[str, Any]) -> None:
		elements = parse_signature(text)
		missing = {"keyId", "algorithm", "headers", "signature"} - set(elements)
		if missing:
			raise _invalid(f"The Signature header lacks {', '.join(sorted(missing))}.")
		self._key_id(elements["keyId"], leaf)
		names = elements["headers"].split(" ")
		self._coverage(names, headers)
		string = signing_string(names, headers)
		log["signing_string"] = string
		self._verify(elements, string.encode(), leaf)

	def _key_id(self, key_id: str, leaf: Leaf) -> None:
		switches = self._switches()
		if switches.signature_mode == "strict":
			if key_id != exact(leaf.certificate, switches.key_id_style):
				raise _invalid("keyId is not rendered as agreed.")
		elif not fits(key_id, leaf.certificate):
			raise _invalid("keyId does not fit the certificate.")

	def _coverage(self, names: list[str], headers: Mapping[str, str]) -> None:
		if any(name != name.lower() or not name for name in names):
			raise _invalid("The list of signed headers must be in lower case, with single blanks.")
		wanted = [*_ALWAYS_SIGNED, *self._switches().also_signed]
		wanted += [name for name in _SIGNED_IF_SENT if headers.get(name) is not None]
		for name in wanted:
			if name not in names:
				raise _invalid(f"The header {name} is not signed.", name)
		if self._switches().signature_mode == "strict" and set(names) - set(wanted) - {"date"}:
			raise _invalid("Headers are signed that must not be.")

	def _verify(self, elements: Mapping[str, str], string: bytes, leaf: Leaf) -> None:
		known = _ALGORITHMS.get(elements["algorithm"].lower())
		if known is None or known[2] not in self._switches().signature_algorithms:
			raise _invalid("The signature algorithm is not accepted.")
		family, digest, _ = known
		key: Any = leaf.certificate.public_key()
		if isinstance(key, rsa.RSAPublicKey) != (family == "rsa"):
			raise _invalid("The signature algorithm does not fit the certificate's key.")
		extra = (padding.PKCS1v15(), digest) if family == "rsa" else (ec.ECDSA(digest),)
		try:
			key.verify(base64.b64decode(elements["signature"], validate=True), string, *extra)
		except (InvalidSignature, ValueError) as error:
			raise _invalid("The signature does not hold.") from error


def _invalid(text: str, path: str = "Signature") -> Xs2aError:
	return Xs2aError(401, "SIGNATURE_INVALID", text, path)


def parse_signature(text: str) -> dict[str, str]:
	"""Read the elements of a Signature header, tolerantly (section 5.4: blanks after commas, an unquoted signature).

	Args:
		text: The header's value.

	Returns:
		Elements by name; what cannot be read is left out.
	"""
	found, at = {}, 0
	while match := _ELEMENT.match(text, at):
		found[match[1]] = match[2] if match[2] is not None else match[3]
		at = match.end()
	return found


def signing_string(names: list[str], headers: Mapping[str, str]) -> str:
	"""Build the string that was signed (section 5.3).

	Args:
		names: The listed headers, in their order.
		headers: The request's.

	Returns:
		Lines without a trailing new line.

	Raises:
		Xs2aError: A listed header was not sent.
	"""
	lines = []
	for name in names:
		value = headers.get(name)
		if value is None:
			raise _invalid(f"The signed header {name} was not sent.", name)
		lines.append(f"{name}: {value.strip()}")
	return "\n".join(lines)
