"""``keyId`` of a Signature header: read as any stack writes it, or compared with one exact rendering (section 5.4)."""

import re
from urllib.parse import quote, unquote

from cryptography import x509

_TYPES = {
	"CN": "2.5.4.3",
	"COMMONNAME": "2.5.4.3",
	"C": "2.5.4.6",
	"L": "2.5.4.7",
	"ST": "2.5.4.8",
	"S": "2.5.4.8",
	"STREET": "2.5.4.9",
	"O": "2.5.4.10",
	"OU": "2.5.4.11",
	"SERIALNUMBER": "2.5.4.5",
	"ORGANIZATIONIDENTIFIER": "2.5.4.97",
	"ORGANISATIONIDENTIFIER": "2.5.4.97",
	"DC": "0.9.2342.19200300.100.1.25",
	"UID": "0.9.2342.19200300.100.1.1",
	"EMAILADDRESS": "1.2.840.113549.1.9.1",
	"E": "1.2.840.113549.1.9.1",
}
_SHORT = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.7": "L", "2.5.4.8": "ST"}
_STRING_TAGS = (0x0C, 0x13, 0x14, 0x16)
Pairs = list[tuple[str, str]]


def fits(key_id: str, certificate: x509.Certificate) -> bool:
	"""Tell whether a key id names a certificate, however it is rendered.

	Args:
		key_id: From the header.
		certificate: The signing certificate that was sent.

	Returns:
		True when serial and issuer are this certificate's.
	"""
	serial, separator, issuer = unquote(key_id).partition(",CA=")
	if not separator or not serial.startswith("SN="):
		return False
	try:
		number, pairs = int(serial[3:].strip(), 16), _parse(issuer)
	except ValueError:
		return False
	real = _pairs(certificate.issuer)
	return number == certificate.serial_number and pairs in (real, real[::-1])


def _pairs(name: x509.Name) -> Pairs:
	return [(part.oid.dotted_string, str(part.value).strip()) for part in name]


def _parse(text: str) -> Pairs:
	parts = re.findall(r'((?:"(?:\\.|[^"])*"|\\.|[^,"\\])+)(?:,|$)', text)
	if sum(map(len, parts)) + len(parts) - 1 != len(text):
		raise ValueError("not a distinguished name")
	return [_pair(part) for part in parts]


def _pair(part: str) -> tuple[str, str]:
	kind, separator, value = part.strip().partition("=")
	if not separator:
		raise ValueError("not a distinguished name")
	kind = kind.strip().upper().removeprefix("OID.")
	return _TYPES.get(kind, kind), _value(value.strip())


def _value(text: str) -> str:
	if text.startswith("#"):
		data = bytes.fromhex(text[1:])
		if len(data) < 2 or data[0] not in _STRING_TAGS or data[1] != len(data) - 2:
			raise ValueError("not a DER string")
		return data[2:].decode()
	if len(text) > 1 and text[0] == text[-1] == '"':
		text = text[1:-1]
	escaped = re.sub(
		r"((?:\\[0-9A-Fa-f]{2})+)", lambda m: bytes.fromhex(m[1].replace("\\", "")).decode(), text
	)
	return re.sub(r"\\(.)", r"\1", escaped)


def exact(certificate: x509.Certificate, style: str) -> str:
	"""Render a key id in one style.

	Args:
		certificate: The signing certificate.
		style: One of the rows of section 5.4.

	Returns:
		``SN=…,CA=…``.
	"""
	pairs = _pairs(certificate.issuer)[::-1]
	serial = f"{certificate.serial_number:X}"
	if style in ("rfc2253", "rfc1779"):
		serial = serial.lower()
	if style == "rfc2253":
		names = ",".join(f"{_SHORT.get(kind, kind)}={_hex(kind, value)}" for kind, value in pairs)
		return f"SN={serial},CA={names}".replace(" ", "%20")
	if style == "rfc1779":
		names = ", ".join(f"{_SHORT.get(kind, 'OID.' + kind)}={value}" for kind, value in pairs)
		return f"SN={serial},CA={names}"
	if style == "openssl":
		long = {**_SHORT, "2.5.4.97": "organizationIdentifier"}
		return f"SN={serial},CA=" + ",".join(f"{long.get(kind, kind)}={value}" for kind, value in pairs)
	glue = ", " if style == "percent_all" else ","
	names = glue.join(f"{_SHORT.get(kind, kind)}={value}" for kind, value in pairs)
	text = f"SN={serial},CA={names}"
	if style == "percent_all":
		return quote(text, safe="")
	return text.replace(" ", "%20") if style == "percent_spaces" else text


def _hex(kind: str, value: str) -> str:
	"""RFC 2253 writes the value of a type without a short name as its DER; the authority uses UTF8String."""
	if kind in _SHORT:
		return value
	data = value.encode()
	return "#" + bytes([0x0C, len(data)]).hex() + data.hex()
