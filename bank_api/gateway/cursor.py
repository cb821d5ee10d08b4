"""The opaque text with which a client continues a list of changes: how far it has come in each account.

A cursor names one change stamp per account, because each account's changes are numbered on their own: one
account's stamps become visible in order, those of two accounts written at the same time do not. It never
ends: whatever happens later in an account carries a higher stamp.

The text is base64url of `version, floor, (account, stamp)*, seal`. The seal is an HMAC over the content and
over the scope (client and what was asked for), so that a damaged, invented or foreign cursor, or one of
another list, is refused as one and the same. Nothing in it is secret. Pure functions, no framework.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = 1
STAMP_DIGITS = 13
"""A change stamp is the microsecond of a change since 1970, in hexadecimal: text order is time order."""

FIRST_STAMP = "0" * STAMP_DIGITS
LAST_STAMP = "f" * STAMP_DIGITS
LONGEST = 64 * 1024
"""Characters; about 3,700 accounts."""

_STAMP_BYTES = 7
_KEY_BYTES = 6
_ENTRY_BYTES = _KEY_BYTES + _STAMP_BYTES
_HEAD_BYTES = 1 + _STAMP_BYTES
_SEAL_BYTES = 12
_STAMP = re.compile(f"[0-9a-f]{{{STAMP_DIGITS}}}")


class InvalidCursor(ValueError):
	"""A text that is no cursor of this scope."""


@dataclass(frozen=True, slots=True)
class Cursor:
	"""Where a client stands in a list of changes.

	Attributes:
		floor: stamp from which on it wants changes at all (its `since`), for accounts it has not begun.
		positions: for each account key (see `account_key`), the stamp of the last row it has.
	"""

	floor: str = FIRST_STAMP
	positions: Mapping[bytes, str] = field(default_factory=dict)

	def position(self, account: str) -> str | None:
		"""Stamp of the last row that the client has of an account, or None if it has not begun it."""
		return self.positions.get(account_key(account))


def stamp_after(stamp: str) -> str:
	"""The next change stamp."""
	return f"{int(stamp, 16) + 1:0{STAMP_DIGITS}x}"


def account_key(account: str) -> bytes:
	"""The short form of an account's row name inside a cursor."""
	return hashlib.sha256(account.encode()).digest()[:_KEY_BYTES]


def encode(cursor: Cursor, scope: str, key: bytes) -> str:
	"""A cursor as text for the client.

	Args:
		cursor: what to say.
		scope: the client and the list that it belongs to.
		key: the site's secret.

	Raises:
		ValueError: for a stamp that is none; a bug of ours, never the caller's.
	"""
	content = bytearray([VERSION])
	content += _pack(cursor.floor)
	for account in sorted(cursor.positions):
		content += account + _pack(cursor.positions[account])
	return base64.urlsafe_b64encode(bytes(content) + _seal(bytes(content), scope, key)).rstrip(b"=").decode()


def decode(text: str, scope: str, key: bytes) -> Cursor:
	"""The cursor that a client sends back.

	Raises:
		InvalidCursor: for everything that `encode` did not make for this scope with this key.
	"""
	if len(text) > LONGEST:
		raise InvalidCursor
	try:
		# The decoder of the standard library skips foreign characters unless told not to.
		raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
	except (UnicodeEncodeError, binascii.Error):
		raise InvalidCursor from None
	if base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode("ascii"):
		raise InvalidCursor  # other bits behind the last byte: not the text we gave
	content, seal = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
	if len(content) < _HEAD_BYTES or not hmac.compare_digest(seal, _seal(content, scope, key)):
		raise InvalidCursor
	entries = content[_HEAD_BYTES:]
	if content[0] != VERSION or len(entries) % _ENTRY_BYTES:
		raise InvalidCursor
	return Cursor(
		floor=_unpack(content[1:_HEAD_BYTES]),
		positions={
			entries[at : at + _KEY_BYTES]: _unpack(entries[at + _KEY_BYTES : at + _ENTRY_BYTES])
			for at in range(0, len(entries), _ENTRY_BYTES)
		},
	)


def _pack(stamp: str) -> bytes:
	if not _STAMP.fullmatch(stamp):
		raise ValueError("not a change stamp")
	return int(stamp, 16).to_bytes(_STAMP_BYTES, "big")


def _unpack(packed: bytes) -> str:
	return f"{int.from_bytes(packed, 'big'):0{STAMP_DIGITS}x}"


def _seal(content: bytes, scope: str, key: bytes) -> bytes:
	return hmac.new(key, b"bank_api.cursor\0" + scope.encode() + b"\0" + content, hashlib.sha256).digest()[
		:_SEAL_BYTES
	]
