"""A certificate authority for tests, on plain `cryptography`: it issues what a request asks for, or something else."""

from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID, ObjectIdentifier

QC_STATEMENTS = ObjectIdentifier("1.3.6.1.5.5.7.1.3")


def now() -> datetime:
	return datetime.now(timezone.utc)


def _name(common_name: str) -> x509.Name:
	return x509.Name(
		[
			x509.NameAttribute(NameOID.COUNTRY_NAME, "IL"),
			x509.NameAttribute(NameOID.COMMON_NAME, common_name),
		]
	)


class Authority:
	"""A root and an issuing certificate below it."""

	def __init__(self, name: str = "Test OpenBanking CA"):
		self.root_key, self.key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
		self.root = self._authority(
			_name(f"{name} Root"), self.root_key, _name(f"{name} Root"), self.root_key
		)
		self.issuing = self._authority(_name(name), self.key, self.root.subject, self.root_key)

	def _authority(
		self, subject: x509.Name, key: Any, issuer: x509.Name, issuer_key: Any
	) -> x509.Certificate:
		return (
			x509.CertificateBuilder()
			.subject_name(subject)
			.issuer_name(issuer)
			.public_key(key.public_key())
			.serial_number(x509.random_serial_number())
			.not_valid_before(now() - timedelta(days=800))
			.not_valid_after(now() + timedelta(days=3650))
			.add_extension(x509.BasicConstraints(True, None), True)
			.sign(issuer_key, hashes.SHA256())
		)

	def issue(
		self, csr_pem: str, *, days: float = 365, start: float = -1, **changes: Any
	) -> x509.Certificate:
		"""What the authority makes of a request.

		Args:
			csr_pem: the request.
			days: until its end, from now.
			start: days from now to its beginning.
			changes: `subject` or `public_key` instead of the requested ones; `qc` False leaves the statements out.
		"""
		csr = x509.load_pem_x509_csr(csr_pem.encode())
		assert csr.is_signature_valid
		builder = (
			x509.CertificateBuilder()
			.subject_name(changes.get("subject", csr.subject))
			.issuer_name(self.issuing.subject)
			.public_key(changes.get("public_key", csr.public_key()))
			.serial_number(x509.random_serial_number())
			.not_valid_before(now() + timedelta(days=start))
			.not_valid_after(now() + timedelta(days=days))
		)
		for extension in csr.extensions:
			if extension.oid == QC_STATEMENTS and not changes.get("qc", True):
				continue
			builder = builder.add_extension(extension.value, extension.critical)
		return builder.sign(self.key, hashes.SHA256())

	@property
	def root_pem(self) -> str:
		return pem(self.root).decode()

	def chain(self, certificate: x509.Certificate) -> bytes:
		"""PEM of a certificate with its issuer, in the wrong order, as authorities like to send it."""
		return pem(self.issuing) + pem(certificate)

	def pkcs12(self, certificate: x509.Certificate, key: Any, password: bytes) -> bytes:
		"""A ready-made file with certificate, key and issuer."""
		return pkcs12.serialize_key_and_certificates(
			b"test", key, certificate, [self.issuing], serialization.BestAvailableEncryption(password)
		)


def pem(certificate: x509.Certificate) -> bytes:
	return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
	return certificate.public_bytes(serialization.Encoding.DER)
