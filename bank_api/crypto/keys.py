"""Private keys: made, read, kept in memory, and signed with; never shown.

RSA of 2048 to 4096 bits and P-256, the kinds that ETSI TS 119 312 and the Berlin Group's sources take
(berlin_group_migdal.md, 6.3).
"""

import re
from hashlib import sha256
from typing import Protocol, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bank_api.crypto.errors import CertificateError

NativeKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_SIZES = (2048, 3072, 4096)
MAX_TEXT = 64 * 1024
_PADDING = padding.PKCS1v15()
_HASHES = {"sha256": hashes.SHA256, "sha512": hashes.SHA512}
_MAX_PARSED = 64
_PEM_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")


class Signer(Protocol):
	"""What can sign: a key in memory, or one that never leaves its device."""

	def sign(self, data: bytes, hash_name: str) -> bytes:
		"""The signature over these bytes, with `sha256` or `sha512`."""
		...


class PrivateKey:
	"""A private key that shows itself in no repr, log or pickle.

	Attributes:
		native: the key object of `cryptography`.
		label: `RSA 2048`, `P-256`.
		public_der: the public half, as SubjectPublicKeyInfo.
		fingerprint: SHA-256 of `public_der`, in hexadecimal.
	"""

	__slots__ = ("fingerprint", "label", "native", "public_der")

	def __init__(self, native: NativeKey):
		"""
		Args:
			native: a key object of `cryptography`.

		Raises:
			CertificateError: `key_kind`.
		"""
		self.native = native
		self.label = _label(native)
		self.public_der = native.public_key().public_bytes(
			serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
		)
		self.fingerprint = sha256(self.public_der).hexdigest()

	@classmethod
	def generate(cls, kind: str = "RSA", bits: int = 3072) -> "PrivateKey":
		"""A fresh key.

		Args:
			kind: `RSA` or `P-256`.
			bits: size of an RSA key, 2048, 3072 or 4096.

		Raises:
			CertificateError: `key_kind`.
		"""
		if kind == "P-256":
			return cls(ec.generate_private_key(ec.SECP256R1()))
		if kind != "RSA" or bits not in RSA_SIZES:
			raise _kind_error()
		return cls(rsa.generate_private_key(65537, bits))

	@classmethod
	def from_pem(cls, text: str, passphrase: str | None = None) -> "PrivateKey":
		"""A key from PEM text: PKCS#8, plain or encrypted, or the older RSA and EC forms.

		Args:
			text: the PEM text.
			passphrase: what it is encrypted with, if it is; ignored if it is not.

		Raises:
			CertificateError: `key_unreadable`, `key_password` or `key_kind`.
		"""
		found = load(text.encode(), passphrase)
		# An error report shows the local variables of the frames that an error comes through.
		del text, passphrase
		if isinstance(found, CertificateError):
			raise found
		return found

	def pem(self) -> str:
		"""Plain PKCS#8 text. Only for a field that the database keeps encrypted."""
		return self._serialized(serialization.NoEncryption()).decode()

	def encrypted_pem(self, passphrase: bytes) -> bytes:
		"""PKCS#8 text, encrypted."""
		return self._serialized(serialization.BestAvailableEncryption(passphrase))

	def _serialized(self, encryption: serialization.KeySerializationEncryption) -> bytes:
		return self.native.private_bytes(
			serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
		)

	def sign(self, data: bytes, hash_name: str) -> bytes:
		"""RSASSA-PKCS1-v1_5 with an RSA key, ECDSA (DER) with P-256.

		Args:
			data: the exact bytes to sign.
			hash_name: `sha256` or `sha512`.

		Source: berlin_group_migdal.md, 5.2.
		"""
		algorithm = _HASHES[hash_name]()
		if isinstance(self.native, rsa.RSAPrivateKey):
			return self.native.sign(data, _PADDING, algorithm)
		return self.native.sign(data, ec.ECDSA(algorithm))

	def __repr__(self) -> str:
		return f"PrivateKey({self.label}, ***)"

	def __reduce__(self) -> str:
		raise TypeError("a private key is not pickled")


def load(data: bytes, passphrase: str | None = None) -> PrivateKey | CertificateError:
	"""A key from PEM or DER bytes, or the error, returned so that no traceback holds what was given."""
	if len(data) > MAX_TEXT:
		return CertificateError("key_unreadable", "This is too long to be a private key.")
	pem = data.lstrip().startswith(b"-----") or b"-----BEGIN " in data
	if pem and not _PEM_KEY.search(data.decode("latin-1")):
		return CertificateError("key_unreadable", "There is no private key in this text.")
	read = serialization.load_pem_private_key if pem else serialization.load_der_private_key
	password = passphrase.encode() if passphrase else None
	try:
		native = _read_key(read, data, password)
	except TypeError:
		return CertificateError("key_password", "The private key is encrypted: its password is needed.")
	except Exception:  # by version ValueError, UnsupportedAlgorithm or an error of OpenSSL's
		if password:
			return CertificateError("key_password", "The private key cannot be read with this password.")
		return CertificateError("key_unreadable", "The private key cannot be read.")
	try:
		return PrivateKey(native)
	except CertificateError as error:
		return error.with_traceback(None)


def _read_key(read, data: bytes, password: bytes | None):
	try:
		return read(data, password)
	except TypeError:  # encrypted without a password, or a password for a plain key
		if password is None:
			raise
	return read(data, None)


_parsed: dict[bytes, PrivateKey] = {}


def parsed(pem: str) -> PrivateKey:
	"""The key of a plain PEM text, parsed once per process: it takes 60 to 430 ms with RSA.

	The cache is known by a hash of the text and is bounded. No lock: at worst two threads parse the same text.

	Raises:
		CertificateError: see `PrivateKey.from_pem`.
	"""
	name = sha256(pem.encode()).digest()
	if key := _parsed.get(name):
		return key
	found = load(pem.encode())
	del pem
	if isinstance(found, CertificateError):
		raise found
	for oldest in list(_parsed)[: max(0, len(_parsed) - _MAX_PARSED + 1)]:
		_parsed.pop(oldest, None)
	return _parsed.setdefault(name, found)


def _label(native: object) -> str:
	if isinstance(native, rsa.RSAPrivateKey) and 2048 <= native.key_size <= 8192:
		return f"RSA {native.key_size}"
	if isinstance(native, ec.EllipticCurvePrivateKey) and isinstance(native.curve, ec.SECP256R1):
		return "P-256"
	raise _kind_error()


def _kind_error() -> CertificateError:
	return CertificateError("key_kind", "The key has to be RSA with at least 2048 bits, or P-256.")
