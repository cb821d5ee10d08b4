"""Seals: short texts that prove that some fields were put together by us and have not been touched since.

HMAC-SHA256 (RFC 2104, FIPS 198-1). Each field goes in with its length, so that no two lists of fields give the same
bytes. A seal is compared as text and in constant time: a second spelling of the same bytes is another seal.
"""

import base64
import hashlib
import hmac

from bank_api.crypto.secret import Secret


def derive(master: Secret, purpose: str) -> Secret:
	"""A key for one purpose, from which neither the master key nor another purpose's can be had.

	Args:
		master: the key to derive from.
		purpose: what for; another text gives another key.
	"""
	return Secret(
		hmac.new(master.reveal().encode(), b"bank_api\0" + purpose.encode(), hashlib.sha256).hexdigest()
	)


def seal(key: Secret, *fields: str) -> str:
	"""The seal on some fields: 43 characters, [A-Za-z0-9_-]."""
	digest = hmac.new(key.reveal().encode(), _joined(fields), hashlib.sha256).digest()
	return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def fits(key: Secret, given: str, *fields: str) -> bool:
	"""Whether a seal is the one on these fields."""
	return hmac.compare_digest(seal(key, *fields).encode(), given.encode("utf-8", "replace"))


def _joined(fields: tuple[str, ...]) -> bytes:
	parts = [len(fields).to_bytes(4, "big")]
	for field in fields:
		data = field.encode()
		parts += [len(data).to_bytes(8, "big"), data]
	return b"".join(parts)
