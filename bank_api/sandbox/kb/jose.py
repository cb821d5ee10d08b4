"""Signed statements and access tokens: compact JWS with RS256 (sections 2.3 and 2.5)."""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def b64url(data: bytes) -> str:
	"""Write base64url without padding."""
	return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
	"""Read base64url with or without padding.

	Raises:
		ValueError: It is none.
	"""
	return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)


class Key:
	"""The bank's signing key.

	Args:
		pem: PKCS#8; without it a key is made.
	"""

	def __init__(self, pem: str | None = None) -> None:
		loaded: Any = serialization.load_pem_private_key(pem.encode(), None) if pem else None
		self._key: rsa.RSAPrivateKey = loaded or rsa.generate_private_key(65537, 2048)
		self.pem = pem or self._write()

	def _write(self) -> str:
		return self._key.private_bytes(
			serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
		).decode()

	@property
	def public_pem(self) -> str:
		"""The public key as PEM."""
		public = self._key.public_key()
		form = serialization.PublicFormat.SubjectPublicKeyInfo
		return public.public_bytes(serialization.Encoding.PEM, form).decode()

	def sign(self, claims: dict[str, Any], **header: str) -> str:
		"""Sign claims."""
		parts = [{"alg": "RS256", **header}, claims]
		signed = ".".join(b64url(json.dumps(part, ensure_ascii=False).encode()) for part in parts)
		signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
		return f"{signed}.{b64url(signature)}"

	def read(self, text: str) -> dict[str, Any] | None:
		"""Return the claims of what this key has signed, or None."""
		signed, _, signature = text.rpartition(".")
		try:
			public = self._key.public_key()
			public.verify(from_b64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
			header, claims = (json.loads(from_b64url(part)) for part in signed.split("."))
		except (ValueError, InvalidSignature):
			return None
		return claims if isinstance(claims, dict) and header.get("alg") == "RS256" else None
