"""A message sealed with AES-256 in Galois/Counter Mode, whose tag stands at its end (NIST SP 800-38D)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bank_api.crypto.errors import CryptoError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


def open_sealed(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
	"""The message, if this key has sealed exactly these bytes.

	Args:
		key: 32 bytes.
		nonce: 12 bytes.
		sealed: ciphertext and tag.

	Raises:
		CryptoError: `sealed_unreadable`.
	"""
	if len(key) == KEY_BYTES and len(nonce) == NONCE_BYTES and len(sealed) >= TAG_BYTES:
		try:
			return AESGCM(key).decrypt(nonce, sealed, None)
		except InvalidTag:
			pass
	raise CryptoError("sealed_unreadable", "The message was not sealed with this key, or was changed.")
