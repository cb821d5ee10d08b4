"""Providers' ids in paths: of whatever characters, none leads out of its place."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from bank_api.connectors.errors import InvalidRequest

LONGEST = 256
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]+\Z")


def filled(template: str, ids: Mapping[str, str] | None, *, longest: int = LONGEST, safe: str = "") -> str:
	"""A path template with its placeholders filled with ids; arguments as `segment`.

	Raises:
		InvalidRequest: one of them is no id.
	"""
	segments = {name: segment(value, longest, safe) for name, value in (ids or {}).items()}
	# In one pass: what looks like a placeholder in an id is none.
	return _PLACEHOLDER.sub(lambda found: segments.get(found[1], found[0]), template)


def segment(value: str, longest: int = LONGEST, safe: str = "") -> str:
	"""A provider's id as one path segment.

	Args:
		value: the id.
		longest: characters that it may have.
		safe: characters besides letters and digits that stay as they are.

	Raises:
		InvalidRequest: it is no id, or one that would lead out of its segment.
	"""
	sound = isinstance(value, str) and len(value) <= longest and _ID.match(value)
	if not sound or value in (".", ".."):
		raise InvalidRequest("This is not an id of the provider's.")
	return quote(value, safe=safe)
