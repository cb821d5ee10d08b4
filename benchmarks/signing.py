"""Signing a whole request against the bare signature with the same key.

What is measured is a whole consent request of the Berlin Group, made ready to be sent: the body's JSON, a fresh
`X-Request-ID`, the digest of the body, keyId, signing string, signature, and the headers put together. The rival is `cryptography` signing a text of the
same length with the same RSA key, in turns.
"""

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from bank_api.crypto.certificates import Certificate, read_der
from bank_api.crypto.http_signature import SignatureScheme, sign_request, verify
from bank_api.crypto.keys import PrivateKey
from benchmarks.common import alternate

BITS = 2048
REPETITIONS = 3000
LOAN = [{"other": {"identification": "1000056782"}, "cashAccountType": "LOAN"}]
CONSENT = {
	"access": {"accounts": LOAN, "balances": LOAN, "transactions": LOAN},
	"recurringIndicator": True,
	"validUntil": "2027-12-31",
	"frequencyPerDay": 4,
	"combinedServiceIndicator": False,
}
HEADERS = {
	"Content-Type": "application/json",
	"PSU-ID": "999888777",
	"PSU-Corporate-ID": "520004896",
	"PSU-IP-Address": "192.0.2.10",
	"TPP-Redirect-URI": "https://tpp.sim.example/cb",
}


def run(_: Any) -> dict[str, float]:
	"""Measure; nothing of the stack is needed.

	Returns:
		`signing_vs_bare`, and how many requests are signed in a second.
	"""
	key = PrivateKey.generate("RSA", BITS)
	certificate = _certificate(key)
	scheme = SignatureScheme()
	verify(*_signed(key, certificate, scheme))
	native, text = key.native, b"x" * 250
	whole = lambda: _signed(key, certificate, scheme)  # noqa: E731
	bare = lambda: native.sign(text, padding.PKCS1v15(), hashes.SHA256())  # noqa: E731
	ours, rival = alternate(lambda: _seconds(whole), lambda: _seconds(bare), REPETITIONS)
	return {"signing_vs_bare": round(rival / ours, 3), "signed_requests_per_second": round(1 / ours)}


def _signed(
	key: PrivateKey, certificate: Certificate, scheme: SignatureScheme
) -> tuple[dict[str, str], bytes]:
	body = json.dumps(CONSENT, separators=(",", ":")).encode()
	headers = {**HEADERS, "X-Request-ID": str(uuid.uuid4())}
	headers |= sign_request(headers, body, signer=key, certificate=certificate, scheme=scheme)
	return headers, body


def _seconds(call: Callable[[], object]) -> float:
	began = time.perf_counter()
	call()
	return time.perf_counter() - began


def _certificate(key: PrivateKey) -> Certificate:
	now = dt.datetime.now(dt.timezone.utc)
	name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sim-OpenBankingIL Seal CA")])
	builder = x509.CertificateBuilder(name, name, key.native.public_key(), x509.random_serial_number())
	builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
	return read_der(builder.sign(key.native, hashes.SHA256()).public_bytes(Encoding.DER))
