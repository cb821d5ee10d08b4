"""Checks of an uploaded certificate against its profile (section 5.6), with lines of the sandbox's own."""

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from bank_api.sandbox.quanto.authority import BRCAC, BRSEAL, Authority
from bank_api.sandbox.quanto.errors import OfbError

TRANSPORT, SIGNATURE = "TRANSPORT", "SIGNATURE"
PROFILES = {TRANSPORT: BRCAC, SIGNATURE: BRSEAL}
LEVELS = {TRANSPORT: "SOFTWARE_STATEMENT", SIGNATURE: "ORGANISATION"}
UID = ObjectIdentifier("0.9.2342.19200300.100.1.1")
ORGANIZATION_IDENTIFIER = ObjectIdentifier("2.5.4.97")
BUSINESS_CATEGORY = ObjectIdentifier("2.5.4.15")
JURISDICTION = ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.3")
_CATEGORIES = ("Private Organization", "Government Entity", "Business Entity", "Non-Commercial Entity")
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SEAL_NAMES = tuple(ObjectIdentifier(f"2.16.76.1.3.{number}") for number in (2, 3, 4, 7))


@dataclass(frozen=True)
class Leaf:
	"""What the checks need of a certificate."""

	certificate: x509.Certificate
	profile: str  # what it looks like

	def subject(self, oid: ObjectIdentifier) -> str:
		"""Return an attribute of the subject, or an empty text."""
		found = self.certificate.subject.get_attributes_for_oid(oid)
		return str(found[0].value) if found else ""

	@property
	def organization_id(self) -> str:
		"""The organisation that it names."""
		if self.profile == BRSEAL:
			return self.subject(UID)
		return self.subject(ORGANIZATION_IDENTIFIER).removeprefix("OFBBR-")

	@property
	def software_statement_id(self) -> str:
		"""The software statement that it names; none for a seal."""
		return self.subject(UID) if self.profile == BRCAC else ""


def read(text: str) -> Leaf:
	"""Read the first certificate of a PEM text.

	Raises:
		OfbError: It is none.
	"""
	try:
		certificate = x509.load_pem_x509_certificate(text.encode())
	except ValueError as error:
		raise _refused("CERTIFICADO_ILEGIVEL", "The certificate is not PEM.") from error
	# only a transport certificate names the organisation by organizationIdentifier and is for clients
	profile = BRCAC if ExtendedKeyUsageOID.CLIENT_AUTH in _purposes(certificate) else BRSEAL
	return Leaf(certificate, profile)


def check(
	authority: Authority | None, usage: str, text: str, key: str, passphrase: str, now: datetime
) -> Leaf:
	"""Check a certificate and its key.

	Args:
		authority: Who may have issued it; None lets everybody.
		usage: ``TRANSPORT`` or ``SIGNATURE``.
		text: PEM of the certificate, or of its chain.
		key: PEM of the private key; it is not kept.
		passphrase: Of the key.
		now: The sandbox's instant.

	Returns:
		The certificate.

	Raises:
		OfbError: The rule that is broken, by its code.
	"""
	leaf = read(text)
	wanted = PROFILES[usage]
	if leaf.profile != wanted:
		raise _refused(
			"CERTIFICADO_NO_NIVEL_ERRADO",
			f"This is a {leaf.profile}: a transport certificate (BRCAC) belongs to the software statement, "
			"a signing certificate (BRSEAL) to the organisation.",
		)
	_check_key(leaf.certificate, key, passphrase)
	_check_dates(leaf.certificate, now)
	if not isinstance(leaf.certificate.signature_hash_algorithm, hashes.SHA256):
		raise _refused("ALGORITMO_INVALIDO", "The certificate must be signed with SHA-256.")
	(_check_transport if wanted == BRCAC else _check_seal)(leaf)
	if authority is not None and not authority.issued(leaf.certificate, wanted):
		raise _refused("AC_NAO_CONFIAVEL", "The certificate was not issued by an authority of ICP-Brasil.")
	return leaf


def matches(leaf: Leaf, credentials: dict[str, Any]) -> None:
	"""Check that a certificate is that of the registered ids.

	Raises:
		OfbError: It names another organisation or software statement.
	"""
	if leaf.organization_id != credentials["organizationId"]:
		raise _refused("ORGANIZACAO_DIVERGENTE", "The certificate names another organisation.")
	if leaf.profile == BRCAC and leaf.software_statement_id != credentials["softwareStatementId"]:
		raise _refused("SOFTWARE_STATEMENT_DIVERGENTE", "The certificate names another software statement.")


def _refused(code: str, detail: str) -> OfbError:
	return OfbError(422, code, detail, "Certificado recusado")


def _purposes(certificate: x509.Certificate) -> list[ObjectIdentifier]:
	try:
		return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
	except x509.ExtensionNotFound:
		return []


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage:
	try:
		found = certificate.extensions.get_extension_for_class(x509.KeyUsage)
	except x509.ExtensionNotFound as error:
		raise _refused("USO_DE_CHAVE_INVALIDO", "The certificate has no key usage.") from error
	if not found.critical or not found.value.digital_signature:
		raise _refused("USO_DE_CHAVE_INVALIDO", "Key usage must be critical and include digitalSignature.")
	return found.value


def _check_key(certificate: x509.Certificate, text: str, passphrase: str) -> None:
	try:
		key = serialization.load_pem_private_key(text.encode(), passphrase.encode() if passphrase else None)
	except (ValueError, TypeError) as error:
		raise _refused("CHAVE_ILEGIVEL", "The private key is not PEM, or its passphrase is wrong.") from error
	public = certificate.public_key()
	if not isinstance(public, rsa.RSAPublicKey) or public.key_size < 2048:
		raise _refused("CHAVE_FRACA", "The key must be RSA of 2048 bits at least.")
	if not isinstance(key, rsa.RSAPrivateKey) or key.public_key().public_numbers() != public.public_numbers():
		raise _refused("CHAVE_NAO_CORRESPONDE", "The private key does not fit the certificate.")


def validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
	"""Return first and last instant of a certificate, UTC; cryptography before 42 has them without a zone."""
	begin = getattr(certificate, "not_valid_before_utc", None) or certificate.not_valid_before.replace(
		tzinfo=timezone.utc
	)
	end = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after.replace(
		tzinfo=timezone.utc
	)
	return begin, end


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
	begin, end = validity(certificate)
	if not begin <= now <= end:
		raise _refused("CERTIFICADO_FORA_DA_VALIDADE", f"The certificate is valid from {begin} to {end}.")


def _check_transport(leaf: Leaf) -> None:
	if not _key_usage(leaf.certificate).key_encipherment:
		raise _refused("USO_DE_CHAVE_INVALIDO", "A BRCAC's key usage includes keyEncipherment.")
	rules = (
		(leaf.subject(BUSINESS_CATEGORY) in _CATEGORIES, "businessCategory"),
		(leaf.subject(JURISDICTION) == "BR", "jurisdictionCountryName"),
		(
			bool(re.fullmatch(r"[0-9A-Z]{12}\d{2}", leaf.subject(NameOID.SERIAL_NUMBER))),
			"serialNumber (CNPJ)",
		),
		(leaf.subject(NameOID.COUNTRY_NAME) == "BR", "countryName"),
		(bool(leaf.subject(NameOID.ORGANIZATION_NAME)), "organizationName"),
		(
			bool(re.fullmatch(f"OFBBR-{_UUID}", leaf.subject(ORGANIZATION_IDENTIFIER))),
			"organizationIdentifier (OFBBR-…)",
		),
		(bool(re.fullmatch(_UUID, leaf.subject(UID))), "UID (software statement)"),
		(_names_itself(leaf), "commonName among the DNS names"),
	)
	_demand(rules, BRCAC)


def _names_itself(leaf: Leaf) -> bool:
	try:
		names = leaf.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
	except x509.ExtensionNotFound:
		return False
	hosts = names.get_values_for_type(x509.DNSName)
	name = leaf.subject(NameOID.COMMON_NAME)
	return bool(name) and any(host == name or host == f"*.{name.partition('.')[2]}" for host in hosts)


def _check_seal(leaf: Leaf) -> None:
	if not _key_usage(leaf.certificate).content_commitment:
		raise _refused("USO_DE_CHAVE_INVALIDO", "A BRSEAL's key usage includes nonRepudiation.")
	units = leaf.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
	rules = (
		(bool(re.fullmatch(_UUID, leaf.subject(UID))), "UID (organisation)"),
		(leaf.subject(NameOID.COUNTRY_NAME) == "BR", "countryName"),
		(leaf.subject(NameOID.ORGANIZATION_NAME) == "ICP-Brasil", "organizationName (ICP-Brasil)"),
		(len(units) >= 3, "three organizationalUnitName"),
		(bool(leaf.subject(NameOID.COMMON_NAME)), "commonName"),
		(_seal_names(leaf.certificate) >= set(_SEAL_NAMES), "otherName 2.16.76.1.3.2, .3, .4 and .7"),
	)
	_demand(rules, BRSEAL)


def _seal_names(certificate: x509.Certificate) -> set[ObjectIdentifier]:
	try:
		names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
	except x509.ExtensionNotFound:
		return set()
	return {name.type_id for name in names.get_values_for_type(x509.OtherName)}


def _demand(rules: tuple[tuple[bool, str], ...], profile: str) -> None:
	missing = [name for holds, name in rules if not holds]
	if missing:
		raise _refused("PERFIL_INVALIDO", f"A {profile} needs {', '.join(missing)}.")
