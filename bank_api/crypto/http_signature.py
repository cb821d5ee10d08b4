"""HTTP message signatures as the Berlin Group wants them: Digest, keyId, signing string, Signature.

draft-cavage-http-signatures-10 with the rules of NextGenPSD2 (berlin_group_migdal.md, section 5). The digest is
that of the exact bytes that are sent, of no bytes at all if there is no body.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bank_api.crypto import distinguished_name as dn
from bank_api.crypto.certificate import Certificate, from_header
from bank_api.crypto.errors import CertificateError, SignatureError
from bank_api.crypto.keys import Signer

MAX_HEADER = 16 * 1024
REQUIRED = ("digest", "x-request-id")
"""Always signed (berlin_group_migdal.md, 5.2)."""
REQUIRED_IF_SENT = ("psu-id", "psu-corporate-id", "tpp-redirect-uri")
"""Signed if, and only if, they are sent (5.2)."""
NAMES = (*REQUIRED, *REQUIRED_IF_SENT)

_DIGESTS = {"SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}
_HASHES = {"sha256": hashes.SHA256, "sha512": hashes.SHA512}
_ALGORITHMS = {
	"rsa-sha256": ("RSA", "sha256"),
	"rsa-sha512": ("RSA", "sha512"),
	"ecdsa-sha256": ("EC", "sha256"),
	"ecdsa-sha512": ("EC", "sha512"),
}
# Names of Java's, which one public client sends (5.2).
_ALGORITHM_ALIASES = {
	"sha256withrsa": "rsa-sha256",
	"sha512withrsa": "rsa-sha512",
	"sha256withecdsa": "ecdsa-sha256",
	"sha512withecdsa": "ecdsa-sha512",
}
_ELEMENT = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))\s*(,|\Z)', re.DOTALL)
_KEY_ID = re.compile(r"\s*SN\s*=\s*([0-9A-Fa-f]{1,64})\s*,\s*CA\s*=(.*)\Z", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z()-]+\Z")
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"\\%')


class KeyIdStyle(str, Enum):
	"""How a source wants the `keyId` (values are the texts of the setting; berlin_group_migdal.md, 5.4)."""

	PERCENT_SPACES = "percent_spaces"
	RAW = "raw"
	PERCENT_ALL = "percent_all"
	RFC2253 = "rfc2253"
	RFC1779 = "rfc1779"
	OPENSSL = "openssl"


@dataclass(frozen=True, slots=True)
class SignatureScheme:
	"""How a source wants its requests signed.

	Attributes:
		algorithm: of the signature: `rsa-sha256`, `rsa-sha512`; `ecdsa-sha256`, `ecdsa-sha512` with a P-256 key.
		digest: `SHA-256` or `SHA-512`.
		key_id_style: see `KeyIdStyle`.
		names: headers to sign where they are sent, in this order, for requests that change something.
		read_names: the same for reads.

	Raises:
		SignatureError: `scheme`, a value that cannot be.
	"""

	algorithm: str = "rsa-sha256"
	digest: str = "SHA-256"
	key_id_style: KeyIdStyle = KeyIdStyle.PERCENT_SPACES
	names: tuple[str, ...] = NAMES
	read_names: tuple[str, ...] = NAMES

	def __post_init__(self) -> None:
		if self.algorithm not in _ALGORITHMS:
			raise SignatureError(
				"scheme", f"The signature algorithm has to be one of: {', '.join(_ALGORITHMS)}."
			)
		if self.digest not in _DIGESTS:
			raise SignatureError("scheme", f"The digest has to be one of: {', '.join(_DIGESTS)}.")
		for names in (self.names, self.read_names):
			_check_names(names)


def _check_names(names: Sequence[str]) -> None:
	if len(set(names)) != len(names) or not all(map(_NAME.match, names)):
		raise SignatureError("scheme", "The signed headers have to be different names in lower case.")
	if missing := [name for name in REQUIRED if name not in names]:
		raise SignatureError("scheme", f"The signed headers have to include {' and '.join(missing)}.")


def digest(body: bytes, algorithm: str = "SHA-256") -> str:
	"""The `Digest` header of a body; of no body: of zero bytes.

	Args:
		body: the exact bytes that are sent.
		algorithm: `SHA-256` or `SHA-512`.

	Source: berlin_group_migdal.md, 5.1 (RFC 3230, RFC 5843).
	"""
	return f"{algorithm}={base64.b64encode(_DIGESTS[algorithm](body).digest()).decode()}"


def key_id(certificate: Certificate, style: KeyIdStyle = KeyIdStyle.PERCENT_SPACES) -> str:
	"""The `keyId` of a certificate: its serial number and its issuer's name, in a source's style.

	What a quoted header value cannot hold (`"`, `\\`, and all that is not ASCII) is percent-encoded in every style.
	"""
	return _key_id(certificate.serial, certificate.issuer_name, style)


@lru_cache(maxsize=256)
def _key_id(serial: int, issuer: dn.Name, style: KeyIdStyle) -> str:
	if style is KeyIdStyle.PERCENT_ALL:
		return quote(f"SN={serial:X},CA={dn.rfc4514(issuer, ', ')}", safe="")
	if style is KeyIdStyle.RFC2253:
		return f"SN={serial:x},CA={_quoted(dn.rfc2253(issuer))}"
	if style is KeyIdStyle.RFC1779:
		return f"SN={serial:X},CA={_quoted(dn.rfc1779(issuer), keep=' ')}"
	if style is KeyIdStyle.OPENSSL:
		return f"SN={serial:X},CA={_quoted(dn.openssl(issuer), keep=' ')}"
	keep = " " if style is KeyIdStyle.RAW else ""
	return f"SN={serial:X},CA={_quoted(dn.rfc4514(issuer), keep=keep)}"


def _quoted(text: str, keep: str = "") -> str:
	return quote(text, safe=_PRINTABLE + keep)


def signing_string(names: Sequence[str], headers: Mapping[str, str | Sequence[str]]) -> bytes:
	"""The bytes that are signed: one line a header, in the order of the names, no newline at the end.

	Args:
		names: header names; `(request-target)` counts as one.
		headers: what is sent; several headers of one name as a list. Letter case of the names does not matter.

	Raises:
		SignatureError: `header_missing`, or `header_invalid` for a value that is no header value.

	Source: berlin_group_migdal.md, 5.3 (draft-cavage-http-signatures-10, 2.3).
	"""
	return _signing_string(names, _lower(headers))


def _signing_string(names: Sequence[str], headers: Mapping[str, str | Sequence[str]]) -> bytes:
	return "\n".join([f"{name.lower()}: {_value(name.lower(), headers)}" for name in names]).encode()


def _lower(headers: Mapping[str, str | Sequence[str]]) -> dict[str, str | Sequence[str]]:
	return {name.lower(): value for name, value in headers.items()}


def _value(name: str, headers: Mapping[str, str | Sequence[str]]) -> str:
	if name not in headers:
		raise SignatureError("header_missing", f"The header {name} is to be signed but is not sent.")
	given = headers[name]
	value = given.strip(" \t") if isinstance(given, str) else ", ".join(one.strip(" \t") for one in given)
	if "\n" in value or "\r" in value or "\0" in value:
		raise SignatureError("header_invalid", f"The header {name} has a line break in it.")
	return value


def sign_request(
	headers: Mapping[str, str],
	body: bytes,
	*,
	signer: Signer,
	certificate: Certificate,
	scheme: SignatureScheme,
	names: Sequence[str] | None = None,
) -> dict[str, str]:
	"""The headers that sign a request, to be sent besides its own.

	Args:
		headers: all headers exactly as they are sent; `X-Request-ID` must be among them.
		body: the exact bytes that are sent, empty if there are none.
		signer: holds the private key of `certificate`.
		certificate: the signing certificate (QSEAL).
		scheme: how the source wants it.
		names: headers to sign where they are sent, in this order; those of the scheme's `names` if not given.

	Returns:
		`Digest`, `TPP-Signature-Certificate` and `Signature`.

	Raises:
		SignatureError: `header_missing`, `header_invalid`, or `key_kind` if the key is not of the algorithm's kind.

	Source: berlin_group_migdal.md, 5.1 to 5.3.
	"""
	kind, hash_name = _ALGORITHMS[scheme.algorithm]
	if _kind(certificate) != kind:
		raise SignatureError(
			"key_kind", "The signature algorithm does not fit the signing certificate's key."
		)
	body_digest = digest(body, scheme.digest)
	sent = _lower(headers)
	sent["digest"] = body_digest
	signed = [name for name in names or scheme.names if name in sent or name in REQUIRED]
	signature = signer.sign(_signing_string(signed, sent), hash_name)
	return {
		"Digest": body_digest,
		"TPP-Signature-Certificate": certificate.header_text,
		"Signature": (
			f'keyId="{key_id(certificate, scheme.key_id_style)}",algorithm="{scheme.algorithm}",'
			f'headers="{" ".join(signed)}",signature="{base64.b64encode(signature).decode()}"'
		),
	}


def _kind(certificate: Certificate) -> str:
	return "RSA" if certificate.key_label.startswith("RSA ") else "EC"


@dataclass(frozen=True, slots=True)
class ParsedSignature:
	"""A `Signature` header's elements.

	Attributes:
		key_id: as sent.
		algorithm: in lower case, Java's names put into the draft's.
		headers: names in lower case, in their order.
		signature: the signature's bytes.
	"""

	key_id: str
	algorithm: str
	headers: tuple[str, ...]
	signature: bytes


def parse(header: str) -> ParsedSignature:
	"""A `Signature` header. Blanks after commas and values without quotes are accepted.

	Raises:
		SignatureError: `signature_malformed`.

	Source: berlin_group_migdal.md, 5.2 and the parser notes of 5.4.
	"""
	elements = _elements(header)
	missing = [name for name in ("keyid", "algorithm", "headers", "signature") if not elements.get(name)]
	if missing:
		raise _malformed(f"it has no {' and no '.join(missing)}")
	names = tuple(elements["headers"].lower().split(" "))
	if len(set(names)) != len(names) or not all(map(_NAME.match, names)):
		raise _malformed("its list of headers cannot be read")
	try:
		signature = base64.b64decode(elements["signature"], validate=True)
	except ValueError:
		raise _malformed("the signature is not base64") from None
	algorithm = elements["algorithm"].lower()
	return ParsedSignature(elements["keyid"], _ALGORITHM_ALIASES.get(algorithm, algorithm), names, signature)


def _elements(header: str) -> dict[str, str]:
	if len(header) > MAX_HEADER:
		raise _malformed("it is too long")
	found: dict[str, str] = {}
	at, more = 0, True
	while more:
		element = _ELEMENT.match(header, at)
		if not element:
			raise _malformed("it is not a list of names and values")
		name, quoted, bare, comma = element.groups()
		if name.lower() in found:
			raise _malformed("an element comes twice")
		found[name.lower()] = bare if quoted is None else quoted.replace('\\"', '"')
		at, more = element.end(), comma == ","
	return found


def _malformed(why: str) -> SignatureError:
	return SignatureError("signature_malformed", f"The Signature header cannot be read: {why}.")


def same_key_id(text: str, certificate: Certificate, strict_style: KeyIdStyle | None = None) -> bool:
	"""Whether a `keyId` means this certificate.

	Args:
		text: as sent.
		certificate: the certificate sent with it.
		strict_style: the only rendering to accept; None for any that means the same.

	Source: the comparison rule of berlin_group_migdal.md, 5.4.
	"""
	if strict_style is not None:
		return text == key_id(certificate, strict_style)
	found = _KEY_ID.match(unquote(text)) if len(text) <= dn.MAX_TEXT else None
	if not found or int(found[1], 16) != certificate.serial:
		return False
	return dn.same(certificate.issuer_name, found[2])


def verify(
	headers: Mapping[str, str],
	body: bytes,
	*,
	certificate: Certificate | None = None,
	required: Sequence[str] = REQUIRED,
	required_if_sent: Sequence[str] = REQUIRED_IF_SENT,
	strict_style: KeyIdStyle | None = None,
) -> ParsedSignature:
	"""Check that a message is what its signer signed. Who the signer is, is for the caller to judge.

	Args:
		headers: as received.
		body: the exact bytes received.
		certificate: the signer's; None for the one in `TPP-Signature-Certificate`.
		required: names that must be signed.
		required_if_sent: names that must be signed if the message has them.
		strict_style: see `same_key_id`.

	Raises:
		SignatureError: `signature_missing`, `signature_malformed`, `certificate_missing`, `certificate_unreadable`,
			`digest_missing`, `digest_mismatch`, `key_id_mismatch`, `header_not_signed`, `header_missing`,
			`algorithm`, `signature_mismatch`.

	Source: berlin_group_migdal.md, 5.5.
	"""
	sent = _lower(headers)
	if "signature" not in sent:
		raise SignatureError("signature_missing", "The message is not signed.")
	signature = parse(_value("signature", sent))
	signer = certificate or _sent_certificate(sent)
	check_digest(_value("digest", sent) if "digest" in sent else None, body)
	if not same_key_id(signature.key_id, signer, strict_style):
		raise SignatureError("key_id_mismatch", "The keyId does not belong to the certificate.")
	needed = [*required, *(name for name in required_if_sent if name in sent)]
	if unsigned := [name for name in needed if name not in signature.headers]:
		raise SignatureError("header_not_signed", f"Not signed, but has to be: {', '.join(unsigned)}.")
	_check_signature(signature, _signing_string(signature.headers, sent), signer)
	return signature


def _sent_certificate(sent: Mapping[str, str | Sequence[str]]) -> Certificate:
	if "tpp-signature-certificate" not in sent:
		raise SignatureError("certificate_missing", "The message does not carry its signer's certificate.")
	try:
		return from_header(_value("tpp-signature-certificate", sent))
	except CertificateError as error:
		raise SignatureError("certificate_unreadable", error.message) from None


def check_digest(header: str | None, body: bytes) -> None:
	"""Check that a `Digest` header is that of a body. Several digests must all hold, and one must be known.

	Raises:
		SignatureError: `digest_missing` or `digest_mismatch`.
	"""
	if not header:
		raise SignatureError("digest_missing", "The message has no Digest.")
	known = 0
	for instance in header.split(","):
		algorithm, _, value = instance.strip().partition("=")
		if make := _DIGESTS.get(algorithm.upper()):
			known += 1
			if not hmac.compare_digest(_decoded(value), make(body).digest()):
				raise SignatureError("digest_mismatch", "The Digest is not that of the body.")
	if not known:
		raise SignatureError("digest_mismatch", "The Digest is neither SHA-256 nor SHA-512.")


def _decoded(value: str) -> bytes:
	try:
		return base64.b64decode(value, validate=True)
	except (binascii.Error, ValueError):
		return b""


def _check_signature(parsed: ParsedSignature, signed: bytes, certificate: Certificate) -> None:
	kind, hash_name = _ALGORITHMS.get(parsed.algorithm, ("", ""))
	if kind != _kind(certificate):
		raise SignatureError("algorithm", "The signature's algorithm does not fit the certificate's key.")
	key, algorithm = certificate.native.public_key(), _HASHES[hash_name]()
	try:
		if isinstance(key, rsa.RSAPublicKey):
			key.verify(parsed.signature, signed, padding.PKCS1v15(), algorithm)
		elif isinstance(key, ec.EllipticCurvePublicKey):
			key.verify(parsed.signature, signed, ec.ECDSA(algorithm))
		else:
			raise InvalidSignature
	except InvalidSignature:
		raise SignatureError("signature_mismatch", "The signature does not hold.") from None
