"""Files as authorities send them: PEM, DER, PKCS#7 or PKCS#12, with a certificate, its chain, perhaps its key."""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

from bank_api.crypto import der, keys
from bank_api.crypto.certificate import Certificate, read_der
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey

MAX_BYTES = 512 * 1024
MAX_CERTIFICATES = 20
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE")
_REQUESTS = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")


@dataclass(frozen=True, slots=True)
class Bundle:
	"""What a file held.

	Attributes:
		chain: the certificate, then its issuer, and so on; certificates that do not belong come last.
		key: the private key, if there was one.
	"""

	chain: tuple[Certificate, ...]
	key: PrivateKey | None = None

	@property
	def chain_pem(self) -> str:
		"""The chain as PEM text."""
		return "".join(certificate.pem for certificate in self.chain)


def read_bundle(data: bytes, password: str | None = None) -> Bundle:
	"""What a file holds.

	Args:
		data: PEM, DER, PKCS#7 or PKCS#12.
		password: of a PKCS#12 file, or of an encrypted key in a PEM file.

	Raises:
		CertificateError: `file_unreadable`, `file_password`, `file_is_request`, `file_too_large`, `several_keys`,
			`no_certificate`, `several_certificates`, or one of a key's (`PrivateKey.from_pem`).
	"""
	found = _read(data, password)
	# An error report shows the local variables of the frames that an error comes through.
	del data, password
	if isinstance(found, CertificateError):
		raise found
	return found


def _read(data: bytes, password: str | None) -> Bundle | CertificateError:
	try:
		if len(data) > MAX_BYTES:
			raise CertificateError("file_too_large", "The file is too large to be a certificate.")
		contents = _read_pem(data, password) if b"-----BEGIN " in data else _read_binary(data, password)
		return _ordered(*contents)
	except CertificateError as error:
		error.__context__ = None
		return error.with_traceback(None)


Contents = tuple[list[Certificate], PrivateKey | None]


def _read_pem(data: bytes, password: str | None) -> Contents:
	certificates: list[Certificate] = []
	found_keys: list[PrivateKey] = []
	for block in _BLOCK.finditer(data):
		label = block[1]
		if label in _REQUESTS:
			raise CertificateError(
				"file_is_request",
				"This is the signing request. Upload the certificate that the authority issued for it.",
			)
		if label in _CERTIFICATES:
			certificates += _from_native(x509.load_pem_x509_certificate, _framed(block, b"CERTIFICATE"))
		elif label == b"PKCS7":
			certificates += _from_native(pkcs7.load_pem_pkcs7_certificates, block[0])
		elif label.endswith(b"PRIVATE KEY"):
			found_keys.append(_key(block[0], password))
		_bounded(certificates)
	if len(found_keys) > 1:
		raise CertificateError("several_keys", "The file holds more than one private key.")
	return certificates, found_keys[0] if found_keys else None


def _framed(block: re.Match[bytes], label: bytes) -> bytes:
	return b"-----BEGIN " + label + b"-----" + block[2] + b"-----END " + label + b"-----"


def _key(data: bytes, password: str | None) -> PrivateKey:
	found = keys.load(data, password)
	if isinstance(found, CertificateError):
		raise found
	return found


def _bounded(certificates: list[Certificate]) -> None:
	if len(certificates) > MAX_CERTIFICATES:
		raise CertificateError("file_too_large", "The file holds too many certificates.")


def _from_native(load, data: bytes) -> list[Certificate]:
	"""Certificates that `cryptography` reads, one or a list."""
	try:
		loaded = load(data)
	except Exception:  # by version ValueError, UnsupportedAlgorithm or an error of OpenSSL's
		raise CertificateError("certificate_unreadable", "The certificate cannot be read.") from None
	natives = loaded if isinstance(loaded, list) else [loaded]
	return [read_der(native.public_bytes(Encoding.DER)) for native in natives]


def _read_binary(data: bytes, password: str | None) -> Contents:
	"""DER tells what it is by the first element inside (RFC 5280, 4.1; RFC 5652, 3; RFC 7292, 4; RFC 5208, 5)."""
	inner = _first_tag(data)
	if inner == der.SEQUENCE:
		return [read_der(data)], None
	if inner == der.OBJECT_IDENTIFIER:
		certificates = _from_native(pkcs7.load_der_pkcs7_certificates, data)
		_bounded(certificates)
		return certificates, None
	if inner == der.INTEGER:
		return _read_pkcs12(data, password)
	raise CertificateError("file_unreadable", "This is no certificate file: PEM, DER or PKCS#12 is expected.")


def _first_tag(data: bytes) -> int | None:
	"""The tag inside of the outermost sequence, also of one of undefined length (BER), as in old PKCS#12 files."""
	if len(data) < 4 or data[0] != der.SEQUENCE:
		return None
	length = data[1]
	start = 2 + (length & 0x7F if length & 0x80 else 0)
	return data[start] if start < len(data) else None


def _read_pkcs12(data: bytes, password: str | None) -> Contents:
	try:
		key, leaf, others = pkcs12.load_key_and_certificates(data, password.encode() if password else None)
	except Exception:
		message = "The PKCS#12 file cannot be read with this password."
		raise CertificateError(
			"file_password", message if password else "The PKCS#12 file needs its password."
		) from None
	natives = [native for native in (leaf, *others) if native is not None]
	_bounded(natives)
	certificates = [read_der(native.public_bytes(Encoding.DER)) for native in natives]
	if key is None:
		return certificates, None
	return certificates, _key(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), None)


def _ordered(certificates: list[Certificate], key: PrivateKey | None) -> Bundle:
	left = list(dict.fromkeys(certificates))
	if not left:
		raise CertificateError("no_certificate", "There is no certificate in the file.")
	chain = [_leaf(left, key)]
	while following := next((one for one in left if one not in chain and issued(chain[-1], one)), None):
		chain.append(following)
	return Bundle(tuple(chain) + tuple(one for one in left if one not in chain), key)


def _leaf(certificates: list[Certificate], key: PrivateKey | None) -> Certificate:
	"""The certificate that the rest is there for: the key's, else the one that issued none of the others."""
	own = [one for one in certificates if key and one.key_fingerprint == key.fingerprint]
	leaves = own or [
		one for one in certificates if not any(issued(other, one) for other in certificates if other != one)
	]
	ends = [one for one in leaves if not one.is_authority]
	candidates = ends or leaves
	if len(candidates) != 1:
		raise CertificateError(
			"several_certificates",
			"The file holds several certificates that do not belong together. Upload one of them with its chain.",
		)
	return candidates[0]


def issued(certificate: Certificate, issuer: Certificate) -> bool:
	"""Whether one certificate was issued by another: the names agree and the signature holds."""
	try:
		certificate.native.verify_directly_issued_by(issuer.native)
	except Exception:  # by version ValueError, TypeError, InvalidSignature or UnsupportedAlgorithm
		return False
	return True
