"""Test certification authorities by the names of the two that KB accepts, and the check of a client's certificate.

KB wants a qualified certificate of I.CA or PostSignum (section 2.2). A second family with the same names is trusted by
nobody. Python's TLS cannot let an unknown certificate pass the handshake, so that it meets the bank's 403: those that
should are made here (``other``, ``self_signed``) or announced (``admit``).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bank_api.sandbox.migdal.authority import ORGANIZATION_IDENTIFIER, IssueError, Issuer, Key, key_pem, pem

ICA, POSTSIGNUM, TLS = "I.CA", "PostSignum", "TLS"
_NAMES = {
	ICA: "Sim I.CA Qualified 2 CA/RSA",
	POSTSIGNUM: "Sim PostSignum Qualified CA 4",
	TLS: "Sim KB API CA",
}
_YEARS = timedelta(days=3650)


def _name(common_name: str, organization: str) -> x509.Name:
	parts = (
		(NameOID.COUNTRY_NAME, "CZ"),
		(NameOID.ORGANIZATION_NAME, organization),
		(NameOID.COMMON_NAME, common_name),
	)
	return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _builder(
	subject: x509.Name, key: Any, issuer: Issuer | None, begin: datetime, end: datetime, *, ca: bool
) -> x509.CertificateBuilder:
	signer: Any = issuer.certificate.public_key() if issuer else key
	usage = x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False)
	return (
		x509.CertificateBuilder()
		.subject_name(subject)
		.issuer_name(issuer.certificate.subject if issuer else subject)
		.public_key(key)
		.serial_number(x509.random_serial_number())
		.not_valid_before(begin)
		.not_valid_after(end)
		.add_extension(x509.BasicConstraints(ca, 0 if ca else None), True)
		.add_extension(usage, True)
		.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
		# tells the trusted authorities from the false ones of the same names
		.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False)
	)


def _make(name: str, key: Key) -> Issuer:
	subject = _name(_NAMES[name], f"Sim {name}")
	now = datetime.now(timezone.utc).replace(microsecond=0)
	builder = _builder(subject, key.public_key(), None, now - _YEARS, now + 2 * _YEARS, ca=True)
	return Issuer(builder.sign(key, hashes.SHA256()), key)


def _family(names: Iterable[str]) -> dict[str, Issuer]:
	return {
		name: _make(
			name,
			ec.generate_private_key(ec.SECP256R1()) if name == TLS else rsa.generate_private_key(65537, 2048),
		)
		for name in names
	}


class KbAuthority:
	"""The trusted authorities, and false ones with the same names.

	Args:
		trusted: ``I.CA``, ``PostSignum``, and ``TLS`` for the bank's own server.
		other: The first two again, with other keys.
	"""

	def __init__(self, trusted: dict[str, Issuer], other: dict[str, Issuer]) -> None:
		self.trusted, self.other = trusted, other

	@classmethod
	def create(cls) -> "KbAuthority":
		"""Make them."""
		return cls(_family(_NAMES), _family((ICA, POSTSIGNUM)))

	def export(self) -> list[dict[str, list[str]]]:
		"""Return what ``restore`` needs."""
		return [
			{name: issuer.export() for name, issuer in family.items()}
			for family in (self.trusted, self.other)
		]

	@classmethod
	def restore(cls, saved: Sequence[dict[str, list[str]]]) -> "KbAuthority":
		"""Read what ``export`` gave."""
		return cls(*({name: Issuer.restore(pair) for name, pair in family.items()} for family in saved))

	@property
	def pem(self) -> str:
		"""What a client trusts."""
		return self.trusted[TLS].pem

	@property
	def everything(self) -> str:
		"""Every authority of clients, the false ones too, so that a forgery passes TLS and meets the 403."""
		return "".join(
			issuer.pem
			for family in (self.trusted, self.other)
			for name, issuer in family.items()
			if name != TLS
		)

	def issue(
		self, csr: str, begin: datetime, end: datetime, *, by: str = ICA, other: bool = False
	) -> list[x509.Certificate]:
		"""Issue a commercial certificate from a request.

		Args:
			csr: PEM of the request; its subject is taken over.
			begin: First instant of validity.
			end: Last instant of validity.
			by: ``I.CA`` or ``PostSignum``.
			other: By the false family.

		Returns:
			The certificate and its issuer's.

		Raises:
			IssueError: The request is unreadable, its signature is bad, or the authority is unknown.
		"""
		if by not in (ICA, POSTSIGNUM):
			raise IssueError(f"by must be {ICA} or {POSTSIGNUM}")
		request = _request(csr)
		issuer = (self.other if other else self.trusted)[by]
		builder = _builder(request.subject, request.public_key(), issuer, begin, end, ca=False)
		return [builder.sign(issuer.key, hashes.SHA256()), issuer.certificate]

	def server(self, hosts: Sequence[str]) -> tuple[str, str]:
		"""Issue the sandbox's own TLS certificate; PEM of the chain, and of the key."""
		key = ec.generate_private_key(ec.SECP256R1())
		issuer, now = self.trusted[TLS], datetime.now(timezone.utc)
		builder = _builder(
			_name(hosts[0], "Sim KB"),
			key.public_key(),
			issuer,
			now - timedelta(days=1),
			now + _YEARS,
			ca=False,
		)
		builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
		builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), False)
		certificate = builder.sign(issuer.key, hashes.SHA256())
		return pem(certificate) + issuer.pem, key_pem(key)

	def accepts(self, certificate: x509.Certificate, now: datetime) -> bool:
		"""Tell whether a client's certificate is of a trusted authority, and valid."""
		naive = now.replace(tzinfo=None)
		if not certificate.not_valid_before <= naive <= certificate.not_valid_after:
			return False
		return any(_signed(certificate, self.trusted[name].certificate) for name in (ICA, POSTSIGNUM))


def _request(csr: str) -> x509.CertificateSigningRequest:
	try:
		request = x509.load_pem_x509_csr(csr.encode())
	except ValueError as error:
		raise IssueError("the request is not a PEM certificate request") from error
	if not request.is_signature_valid:
		raise IssueError("the request's own signature does not hold")
	return request


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
	key: Any = issuer.public_key()
	algorithm = certificate.signature_hash_algorithm
	if certificate.issuer != issuer.subject or algorithm is None:
		return False
	try:
		if isinstance(key, rsa.RSAPublicKey):
			key.verify(
				certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm
			)
		else:
			key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))
	except InvalidSignature:
		return False
	return True


def _host(text: str) -> x509.GeneralName:
	try:
		return x509.IPAddress(ipaddress.ip_address(text))
	except ValueError:
		return x509.DNSName(text)


def vendor(certificate: x509.Certificate) -> tuple[str, str]:
	"""Return name and registration number (IČO) of a certificate's holder (section 2.3)."""

	def first(kind: x509.ObjectIdentifier) -> str:
		found = certificate.subject.get_attributes_for_oid(kind)
		return str(found[0].value) if found else ""

	name = first(NameOID.ORGANIZATION_NAME) or first(NameOID.COMMON_NAME)
	number = re.search(r"\d{8}", first(ORGANIZATION_IDENTIFIER) or first(NameOID.SERIAL_NUMBER))
	return name, number[0] if number else ""
