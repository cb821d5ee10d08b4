"""Signatures of inbound webhooks: HMAC-SHA256 over the raw body, in a `scheme=HEX[, scheme=HEX]` header."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}\Z")

# A sender lists one signature per live secret, two at most. The bound keeps a forger from buying work with a
# header.
MAX_SIGNATURES = 16
MAX_HEADER_LENGTH = 4096


def sign(body: bytes, secret: str) -> str:
	"""The HMAC-SHA256 of a body as upper-case hexadecimal text.

	Args:
		body: the exact bytes that are sent.
		secret: the shared secret; its UTF-8 bytes are the key.

	Source: protocols/bridge.md, 7.3.
	"""
	return hmac.new(secret.encode(), body, sha256).hexdigest().upper()


def verify(body: bytes, header: str | None, secrets: Sequence[str], scheme: str = "v1") -> bool:
	"""Whether one of the secrets signed exactly these bytes.

	Only the named scheme counts, so that a sender cannot be downgraded to a weaker one; empty secrets never
	match.

	Args:
		body: the exact bytes received.
		header: the signature header's value, or None if it was absent.
		secrets: the secrets that are valid now, several during a rotation.
		scheme: name of the accepted signature scheme.

	Source: protocols/bridge.md, 7.3.
	"""
	candidates = _candidates(header, scheme)
	if not candidates:
		return False
	matched = False
	for secret in secrets:
		if not secret:
			continue
		expected = hmac.new(secret.encode(), body, sha256).hexdigest().encode()
		for candidate in candidates:
			# No early return: the time taken does not tell which secret or which position matched.
			matched |= hmac.compare_digest(expected, candidate)
	return matched


def _candidates(header: str | None, scheme: str) -> list[bytes]:
	"""The well-formed digests of a scheme in a header, lower-case, as ASCII bytes."""
	if not header or len(header) > MAX_HEADER_LENGTH:
		return []
	found = []
	for part in header.split(","):
		name, separator, value = part.strip().partition("=")
		if separator and name == scheme and _HEX_DIGEST.match(value):
			found.append(value.lower().encode("ascii"))
	return found[:MAX_SIGNATURES]
