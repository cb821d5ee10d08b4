"""A reader for the few DER structures that certificates carry here (X.690), and nothing else.

The verifier reads the ETSI statements with this, not with the code that writes them: a mistake cannot agree with itself.
"""

OID, UTF8, SEQUENCE = 0x06, 0x0C, 0x30


class DerError(ValueError):
	"""Bytes that are no DER."""


def items(data: bytes) -> list[tuple[int, bytes]]:
	"""Split the content of a constructed value.

	Args:
		data: Values one after the other.

	Returns:
		Tag and content of each.

	Raises:
		DerError: A length runs past the end.
	"""
	found, at = [], 0
	while at < len(data):
		tag, start, end = _header(data, at)
		found.append((tag, data[start:end]))
		at = end
	return found


def _header(data: bytes, at: int) -> tuple[int, int, int]:
	if at + 2 > len(data):
		raise DerError("a value is cut off")
	length, start = data[at + 1], at + 2
	if length & 0x80:
		size = length & 0x7F
		length, start = int.from_bytes(data[start : start + size], "big"), start + size
	if start + length > len(data):
		raise DerError("a length runs past the end")
	return data[at], start, start + length


def dotted(content: bytes) -> str:
	"""Write an object identifier's content as numbers with dots.

	Args:
		content: The content of a value with tag 6.

	Returns:
		For example ``0.4.0.19495.2``.
	"""
	if not content:
		raise DerError("an empty object identifier")
	numbers, value = [min(content[0] // 40, 2)], 0
	numbers.append(content[0] - 40 * numbers[0])
	for byte in content[1:]:
		value = value << 7 | byte & 0x7F
		if not byte & 0x80:
			numbers.append(value)
			value = 0
	return ".".join(map(str, numbers))
