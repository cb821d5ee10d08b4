"""The test certificate authorities: they issue from requests, and know what they revoked (sections 6.1 to 6.6).

One root, an issuing authority for transport (web) and one for signing (seal) certificates, and a second family with
the very same names that nobody trusts, for forgeries.
"""

import base64
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ORGANIZATION_IDENTIFIER = ObjectIdentifier("2.5.4.97")  # NameOID has it from cryptography 42 on
QC_STATEMENTS = ObjectIdentifier("1.3.6.1.5.5.7.1.3")
ROLES = {"PSP_AS": 1, "PSP_PI": 2, "PSP_AI": 3, "PSP_IC": 4}
TRANSPORT, SIGNING = "Transport", "Signing"
_POLICY = {TRANSPORT: "0.4.0.19495.3.1", SIGNING: "0.4.0.194112.1.1"}
_QC_TYPE = {TRANSPORT: "0.4.0.1862.1.6.3", SIGNING: "0.4.0.1862.1.6.2"}
_YEARS = timedelta(days=3650)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class IssueError(ValueError):
	"""A request that no certificate can be made from."""


def _tlv(tag: int, *parts: bytes) -> bytes:
	body = b"".join(parts)
	if len(body) < 128:
		return bytes([tag, len(body)]) + body
	size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
	return bytes([tag, 0x80 | len(size)]) + size + body


def _oid(text: str) -> bytes:
	first, second, *rest = (int(part) for part in text.split("."))
	out = bytearray([first * 40 + second])
	for number in rest:
		group = [number & 127]
		while number := number >> 7:
			group.append(128 | number & 127)
		out += bytes(reversed(group))
	return _tlv(0x06, bytes(out))


def qc_statements(usage: str, roles: Sequence[str], authority: str, authority_id: str) -> bytes:
	"""Write the qcStatements extension of ETSI TS 119 495 (section 6.1).

	Args:
		usage: ``Transport`` or ``Signing``.
		roles: ``PSP_AI`` and so on; none leaves the PSD2 statement out.
		authority: Name of the competent authority.
		authority_id: Its id, for example ``IL-CMA``.

	Returns:
		DER of the extension's value.
	"""
	statements = [
		_tlv(0x30, _oid("0.4.0.1862.1.1")),
		_tlv(0x30, _oid("0.4.0.1862.1.6"), _tlv(0x30, _oid(_QC_TYPE[usage]))),
	]
	if roles:
		named = [
			_tlv(0x30, _oid(f"0.4.0.19495.1.{ROLES[role]}"), _tlv(0x0C, role.encode())) for role in roles
		]
		texts = [_tlv(0x0C, text.encode()) for text in (authority, authority_id)]
		statements.append(_tlv(0x30, _oid("0.4.0.19495.2"), _tlv(0x30, _tlv(0x30, *named), *texts)))
	return _tlv(0x30, *statements)


@dataclass(frozen=True)
class Issuer:
	"""A certificate authority."""

	certificate: x509.Certificate
	key: Key

	@property
	def pem(self) -> str:
		"""The certificate as PEM."""
		return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

	def export(self) -> list[str]:
		"""Return what ``restore`` needs."""
		return [self.pem, key_pem(self.key)]

	@classmethod
	def restore(cls, saved: Sequence[str]) -> "Issuer":
		"""Read what ``export`` gave."""
		key: Any = serialization.load_pem_private_key(saved[1].encode(), None)
		return cls(x509.load_pem_x509_certificate(saved[0].encode()), key)


def key_pem(key: Key) -> str:
	"""Write a private key of the sandbox's own as PKCS#8."""
	return key.private_bytes(
		serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
	).decode()


def _ca_name(common_name: str) -> x509.Name:
	parts = (
		(NameOID.COUNTRY_NAME, "IL"),
		(NameOID.ORGANIZATION_NAME, "Sim Government"),
		(ORGANIZATION_IDENTIFIER, "NTRIL-00000000"),
		(NameOID.ORGANIZATIONAL_UNIT_NAME, "SIM-OBCA"),
		(NameOID.COMMON_NAME, common_name),
	)
	return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _usage(*, seal: bool = False, ca: bool = False) -> x509.KeyUsage:
	return x509.KeyUsage(not ca, seal, False, False, False, ca, ca, False, False)


def _builder(subject: x509.Name, key: Any, issuer: Issuer | None, begin: datetime, end: datetime) -> Any:
	signer = issuer.certificate.public_key() if issuer else key
	serial = x509.random_serial_number() | 1 << 158  # 160 bits, as the real ones have (section 6.5)
	return (
		x509.CertificateBuilder()
		.subject_name(subject)
		.issuer_name(issuer.certificate.subject if issuer else subject)
		.public_key(key)
		.serial_number(serial)
		.not_valid_before(begin)
		.not_valid_after(end)
		.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
		.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False)  # type: ignore[arg-type]
	)


def _make_ca(common_name: str, key: Key, issuer: Issuer | None, now: datetime) -> Issuer:
	builder = _builder(_ca_name(common_name), key.public_key(), issuer, now - _YEARS, now + 2 * _YEARS)
	builder = builder.add_extension(x509.BasicConstraints(True, 0 if issuer else 1), True)
	builder = builder.add_extension(_usage(ca=True), True)
	return Issuer(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _family(now: datetime, strong: bool) -> dict[str, Issuer]:
	def key() -> Key:
		return rsa.generate_private_key(65537, 2048) if strong else ec.generate_private_key(ec.SECP256R1())

	root = _make_ca("Sim-OpenBankingIL Root CA", ec.generate_private_key(ec.SECP256R1()), None, now)
	return {
		"root": root,
		TRANSPORT: _make_ca("Sim-OpenBankingIL Web CA", key(), root, now),
		SIGNING: _make_ca("Sim-OpenBankingIL Seal CA", key(), root, now),
	}


class Authority:
	"""The trusted family, and a false one with the same names.

	Args:
		trusted: ``root``, ``Transport`` and ``Signing``.
		other: The same names with other keys.
	"""

	def __init__(self, trusted: dict[str, Issuer], other: dict[str, Issuer]) -> None:
		self.trusted, self.other = trusted, other

	@classmethod
	def create(cls) -> "Authority":
		"""Make both families."""
		now = datetime.now(timezone.utc).replace(microsecond=0)
		return cls(_family(now, True), _family(now, False))

	def export(self) -> dict[str, dict[str, list[str]]]:
		"""Return what ``restore`` needs."""
		return {
			name: {usage: issuer.export() for usage, issuer in family.items()}
			for name, family in (("trusted", self.trusted), ("other", self.other))
		}

	@classmethod
	def restore(cls, saved: dict[str, dict[str, list[str]]]) -> "Authority":
		"""Read what ``export`` gave."""
		families = [
			{usage: Issuer.restore(pair) for usage, pair in saved[name].items()}
			for name in ("trusted", "other")
		]
		return cls(*families)

	@property
	def pem(self) -> str:
		"""The root's certificate: what a client trusts."""
		return self.trusted["root"].pem

	@property
	def everything(self) -> str:
		"""Every authority, the false ones too, so that a forgery passes TLS and meets the verifier."""
		return "".join(issuer.pem for family in (self.trusted, self.other) for issuer in family.values())

	def issue(
		self,
		csr: str,
		usage: str,
		begin: datetime,
		end: datetime,
		*,
		roles: Sequence[str] | None = None,
		other: bool = False,
		issuer_usage: str | None = None,
		authority: tuple[str, str] = ("Sim Capital Market Authority", "IL-CMA"),
	) -> list[x509.Certificate]:
		"""Issue a certificate.

		Args:
			csr: PEM of the request; its subject, names and ETSI statements are taken over.
			usage: ``Transport`` or ``Signing``.
			begin: First instant of validity.
			end: Last instant of validity.
			roles: Other roles than the request's; empty for none.
			other: By the false family.
			issuer_usage: By the authority of the other usage (a wrong certificate).
			authority: Name and id of the competent authority, with ``roles`` or for a request without statements.

		Returns:
			The certificate and its issuer's.

		Raises:
			IssueError: The request is unreadable, has a bad signature, or lacks the organizationIdentifier.
		"""
		request = self._request(csr, usage)
		issuer = (self.other if other else self.trusted)[issuer_usage or usage]
		builder = _builder(request.subject, request.public_key(), issuer, begin, end)
		builder = builder.add_extension(x509.BasicConstraints(False, None), True)
		builder = builder.add_extension(_usage(seal=usage == SIGNING), True)
		policy = x509.PolicyInformation(ObjectIdentifier(_POLICY[usage]), None)
		builder = builder.add_extension(x509.CertificatePolicies([policy]), False)
		statements = self._statements(request, usage, roles, authority)
		builder = builder.add_extension(x509.UnrecognizedExtension(QC_STATEMENTS, statements), False)
		if usage == TRANSPORT:
			purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
			builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
		try:
			names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
			builder = builder.add_extension(names.value, False)
		except x509.ExtensionNotFound:
			pass
		return [builder.sign(issuer.key, hashes.SHA256()), issuer.certificate]

	@staticmethod
	def _request(csr: str, usage: str) -> x509.CertificateSigningRequest:
		if usage not in (TRANSPORT, SIGNING):
			raise IssueError(f"usage must be {TRANSPORT} or {SIGNING}")
		try:
			request = x509.load_pem_x509_csr(csr.encode())
		except ValueError as error:
			raise IssueError("the request is not a PEM certificate request") from error
		if not request.is_signature_valid:
			raise IssueError("the request's own signature does not hold")
		if not request.subject.get_attributes_for_oid(ORGANIZATION_IDENTIFIER):
			raise IssueError("the request's subject has no organizationIdentifier")
		return request

	@staticmethod
	def _statements(
		request: x509.CertificateSigningRequest,
		usage: str,
		roles: Sequence[str] | None,
		authority: tuple[str, str],
	) -> bytes:
		if roles is None:
			for extension in request.extensions:
				if extension.oid == QC_STATEMENTS:
					return extension.value.public_bytes()
			roles = ["PSP_AI"]
		unknown = set(roles) - set(ROLES)
		if unknown:
			raise IssueError(f"unknown roles: {', '.join(sorted(unknown))}")
		return qc_statements(usage, roles, *authority)

	def server(self, hosts: Sequence[str]) -> tuple[str, str]:
		"""Issue the sandbox's own TLS certificate.

		Args:
			hosts: Names and addresses it listens on.

		Returns:
			PEM of the chain, and of the key.
		"""
		key = ec.generate_private_key(ec.SECP256R1())
		issuer, now = self.trusted[TRANSPORT], datetime.now(timezone.utc)
		name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
		builder = _builder(name, key.public_key(), issuer, now - timedelta(days=1), now + _YEARS)
		builder = builder.add_extension(x509.BasicConstraints(False, None), True)
		builder = builder.add_extension(_usage(), True)
		builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
		builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), False)
		certificate = builder.sign(issuer.key, hashes.SHA256())
		return pem(certificate) + issuer.pem, key_pem(key)


def _host(text: str) -> x509.GeneralName:
	try:
		return x509.IPAddress(ipaddress.ip_address(text))
	except ValueError:
		return x509.DNSName(text)


def pem(certificate: x509.Certificate) -> str:
	"""Write a certificate as PEM."""
	return certificate.public_bytes(serialization.Encoding.PEM).decode()


def header_value(certificate: x509.Certificate) -> str:
	"""Write a certificate as ``TPP-Signature-Certificate`` wants it (section 5.1)."""
	return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
