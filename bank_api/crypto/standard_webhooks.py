"""Standard Webhooks 1.0.0: secrets, signatures and headers, for the sender and for tests of a receiver.

https://www.standardwebhooks.com, section "Signature scheme": the signed text is
`{webhook-id}.{webhook-timestamp}.{body}`, the signature `v1,` + base64 of its HMAC-SHA256. The tests verify
what is made here with the reference library.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from bank_api.crypto.secret import Secret

SECRET_PREFIX = "whsec_"
_SECRET_BYTES = 32
TOLERANCE_SECONDS = 300


def new_secret() -> Secret:
	"""A fresh secret of one endpoint: `whsec_` and the base64 of 32 random bytes (norm: 24 to 64)."""
	return Secret(SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode())


def _key(secret: Secret) -> bytes:
	"""The bytes behind a secret's text; `ValueError` if it is not base64."""
	text = secret.reveal().strip().removeprefix(SECRET_PREFIX)
	try:
		return base64.b64decode(text, validate=True)
	except binascii.Error:
		raise ValueError("The webhook secret is not base64.") from None


def signature(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
	"""One signature in the form of the header.

	Args:
		secret: secret of the endpoint.
		message_id: `webhook-id`, the same for every attempt of one event; without a dot.
		timestamp: unix seconds of this attempt.
		body: the exact bytes that are sent.

	Raises:
		ValueError: the secret is not base64, or the id contains a dot.
	"""
	if "." in message_id:
		raise ValueError("A webhook id must not contain a dot.")
	text = f"{message_id}.{timestamp}.".encode() + body
	return "v1," + base64.b64encode(hmac.digest(_key(secret), text, "sha256")).decode()


def headers(keys: Sequence[Secret], message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
	"""The three headers of one attempt.

	Args:
		keys: the current secret and, while it is being replaced, the previous one.
		message_id: see `signature`.
		sent_at: instant of this attempt, aware.
		body: the exact bytes that are sent.
	"""
	timestamp = int(sent_at.timestamp())
	return {
		"webhook-id": message_id,
		"webhook-timestamp": str(timestamp),
		"webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in keys),
	}


def verify(keys: Sequence[Secret], received: Mapping[str, str], body: bytes, now: datetime) -> bool:
	"""Whether one of the secrets signed exactly this message within five minutes of now, as a receiver asks.

	Args:
		keys: secrets that count.
		received: headers of the request, names in lower case.
		body: the exact bytes received.
		now: the present instant, aware.
	"""
	message_id, stamp = received.get("webhook-id", ""), received.get("webhook-timestamp", "")
	if not stamp.isascii() or not stamp.isdigit() or "." in message_id or len(stamp) > 12:
		return False
	if abs(now.timestamp() - int(stamp)) > TOLERANCE_SECONDS:
		return False
	offered = received.get("webhook-signature", "").split(" ")
	matches = False
	for secret in keys:
		expected = signature(secret, message_id, int(stamp), body).encode()
		for candidate in offered:
			matches |= hmac.compare_digest(expected, candidate.encode())
	return matches
