"""Test authorities in the manner of ICP-Brasil: one chain for BRCAC, one for BRSEAL, and a false one (section 5.6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BRCAC, BRSEAL = "BRCAC", "BRSEAL"
_PEM = serialization.Encoding.PEM
_YEARS = timedelta(days=3650)
# Nobody's: the person in charge, the company, date of birth with the numbers of the person, the company's CEI.
_IDENTIFIED = {
	"2.16.76.1.3.2": "Responsavel Exemplo",
	"2.16.76.1.3.3": "00000000000191",
	"2.16.76.1.3.4": "01011970" + "0" * 37,
	"2.16.76.1.3.7": "0" * 12,
}
_UNITS = ("Sim AC Selo v5", "00000000000191", "Presencial")


class IssueError(ValueError):
	"""A request that no certificate can be made from."""


@dataclass(frozen=True)
class Issuer:
	"""A certificate authority."""

	certificate: x509.Certificate
	key: Any

	@property
	def pem(self) -> str:
		"""The certificate as PEM."""
		return self.certificate.public_bytes(_PEM).decode()

	def export(self) -> list[str]:
		"""Return what ``restore`` needs."""
		key = self.key.private_bytes(
			_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
		).decode()
		return [self.pem, key]

	@classmethod
	def restore(cls, saved: list[str]) -> "Issuer":
		"""Read what ``export`` gave."""
		certificate = x509.load_pem_x509_certificate(saved[0].encode())
		return cls(certificate, serialization.load_pem_private_key(saved[1].encode(), None))


def _usage(*, seal: bool = False, transport: bool = False, ca: bool = False) -> x509.KeyUsage:
	return x509.KeyUsage(not ca, seal, transport, False, False, ca, ca, False, False)


def _make_ca(name: str, issuer: Issuer | None, now: datetime) -> Issuer:
	key = ec.generate_private_key(ec.SECP256R1())
	subject = x509.Name(
		[
			x509.NameAttribute(NameOID.COUNTRY_NAME, "BR"),
			x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ICP-Brasil (Sim)"),
			x509.NameAttribute(NameOID.COMMON_NAME, name),
		]
	)
	builder = (
		x509.CertificateBuilder()
		.subject_name(subject)
		.issuer_name(issuer.certificate.subject if issuer else subject)
		.public_key(key.public_key())
		.serial_number(x509.random_serial_number())
		.not_valid_before(now - _YEARS)
		.not_valid_after(now + 2 * _YEARS)
		.add_extension(x509.BasicConstraints(True, None), True)
		.add_extension(_usage(ca=True), True)
	)
	return Issuer(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


class Authority:
	"""A root, an issuer for each profile, and one with the same name as the first that nobody trusts.

	Args:
		issuers: By ``root``, ``BRCAC``, ``BRSEAL`` and ``other``.
	"""

	def __init__(self, issuers: dict[str, Issuer]) -> None:
		self.issuers = issuers

	@classmethod
	def create(cls) -> "Authority":
		"""Make them."""
		now = datetime.now(timezone.utc).replace(microsecond=0)
		root = _make_ca("Sim Autoridade Raiz v10", None, now)
		return cls(
			{
				"root": root,
				BRCAC: _make_ca("Sim AC Transporte v10", root, now),
				BRSEAL: _make_ca("Sim AC Selo v5", root, now),
				"other": _make_ca("Sim AC Transporte v10", None, now),
			}
		)

	def export(self) -> dict[str, list[str]]:
		"""Return what ``restore`` needs."""
		return {name: issuer.export() for name, issuer in self.issuers.items()}

	@classmethod
	def restore(cls, saved: dict[str, list[str]]) -> "Authority":
		"""Read what ``export`` gave."""
		return cls({name: Issuer.restore(pair) for name, pair in saved.items()})

	def issued(self, certificate: x509.Certificate, profile: str) -> bool:
		"""Tell whether the profile's authority issued a certificate."""
		issuer = self.issuers[profile].certificate
		try:
			issuer.public_key().verify(
				certificate.signature,
				certificate.tbs_certificate_bytes,
				ec.ECDSA(certificate.signature_hash_algorithm),
			)
		except Exception:
			# another algorithm, another key, a broken signature: whatever it is, this authority did not make it
			return False
		return certificate.issuer == issuer.subject

	def issue(
		self, csr: str, profile: str, begin: datetime, end: datetime, *, by: str = "", digest: str = "sha256"
	) -> list[x509.Certificate]:
		"""Issue a certificate: subject and names from the request, key usage from the profile.

		Args:
			csr: PEM of the request.
			profile: ``BRCAC`` or ``BRSEAL``.
			begin: First instant of validity.
			end: Last instant of validity.
			by: Another issuer than the profile's own: ``BRCAC``, ``BRSEAL``, ``other``.
			digest: ``sha256``, or ``sha512`` for a certificate that the profile does not allow.

		Returns:
			The certificate, its issuer's, the root's.

		Raises:
			IssueError: The request is unreadable, or its own signature does not hold.
		"""
		try:
			request = x509.load_pem_x509_csr(csr.encode())
		except ValueError as error:
			raise IssueError("the request is not a PEM certificate request") from error
		if not request.is_signature_valid:
			raise IssueError("the request's own signature does not hold")
		issuer = self.issuers[by or profile]
		builder = (
			x509.CertificateBuilder()
			.subject_name(_identified_subject(request) if profile == BRSEAL else request.subject)
			.issuer_name(issuer.certificate.subject)
			.public_key(request.public_key())
			.serial_number(x509.random_serial_number())
			.not_valid_before(begin)
			.not_valid_after(end)
			.add_extension(x509.BasicConstraints(False, None), False)
			.add_extension(_usage(seal=profile == BRSEAL, transport=profile == BRCAC), True)
		)
		if profile == BRCAC:
			builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
		if names := (_identified_names(request) if profile == BRSEAL else _names(request)):
			builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
		algorithm = hashes.SHA512() if digest == "sha512" else hashes.SHA256()
		chain = [builder.sign(issuer.key, algorithm), issuer.certificate]
		return chain if by == "other" else [*chain, self.issuers["root"].certificate]


def _names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
	try:
		return list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
	except x509.ExtensionNotFound:
		return []


def _identified_names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
	"""A seal's names, completed with what the authority learns when it identifies company and person in charge."""
	names = _names(request)
	told = {name.type_id for name in names if isinstance(name, x509.OtherName)}
	for number, text in _IDENTIFIED.items():
		if (oid := x509.ObjectIdentifier(number)) not in told:
			names.append(x509.OtherName(oid, bytes([0x0C, len(text)]) + text.encode()))
	return names


def _identified_subject(request: x509.CertificateSigningRequest) -> x509.Name:
	"""A seal's subject, with the units that are the authority's own if the request leaves them to it."""
	asked = list(request.subject)
	units = [one for one in asked if one.oid == NameOID.ORGANIZATIONAL_UNIT_NAME]
	if units:
		return request.subject
	own = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text) for text in _UNITS]
	return x509.Name([*asked[:-1], *own, asked[-1]])


def pem(certificate: x509.Certificate) -> str:
	"""Write a certificate as PEM."""
	return certificate.public_bytes(_PEM).decode()
