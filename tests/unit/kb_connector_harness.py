"""A KB connector against a scripted server: settings, tokens, bodies and answers as the protocol file has them."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from bank_api.connectors.kb import connector
from bank_api.connectors.model import ConsentRequest, ProviderConfig, RateLimits, Secret, Token
from bank_api.connectors.rate_ledger import MemoryLedger

CONSENT = "kb-20260908T070000Z-00000000-0000-4000-8000-000000000001"
CALLBACK = "https://gateway.test/bank-api/return"
EXCHANGE = "SYN0000000001"
GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
BATCHES = "/directapi/batchda/v3/batchPayments"
KEYS = {f"api_key_{api}": Secret(f"key-of-{api}") for api in ("registration", "oauth2", "adaa", "batchda")}
TOKEN = Token(Secret("access-token-1"), datetime(2099, 1, 1, tzinfo=timezone.utc), "", CONSENT)
FAULT = (
	'<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>{code}</am:code><am:type>Status report</am:type>'
	"<am:message>{message}</am:message><am:description>{description}</am:description></am:fault>"
)


def kb(
	url: str, *, ledger: Any = None, page_size: int = 500, limits: RateLimits | None = None, **settings: str
) -> Any:
	"""A connector whose addresses are all below one server."""
	return connector(
		ProviderConfig(
			"KB Test",
			"kb",
			"v3",
			url,
			"ExampleClient-9420",
			Secret("client-secret-1"),
			connect_timeout=1.0,
			read_timeout=0.5,
			limits=limits or RateLimits(),
			page_size=page_size,
			settings={"environment": "Sandbox", "batch_timeout": "1", "max_attempts": "1", **settings},
			secrets=dict(KEYS),
		),
		ledger or MemoryLedger(),
	)


def at(one: Any, moment: datetime) -> Any:
	"""The connector with its clock stopped."""
	one._client.now = lambda: moment
	return one


def body(count: int = 2) -> bytes:
	"""A JSON batch; only its length matters to the connector."""
	payment = {"paymentIdentification": {"instructionIdentification": "SYN-0001"}}
	return json.dumps({"batchPaymentDataCollectionRequest": [payment] * count}).encode()


def accepted(count: int = 2, **changes: Any) -> str:
	"""The answer to a batch (appendix of the protocol file)."""
	answer = {
		"transactionIdentification": "000012GYPU",
		"batchDigest": "A" * 40,
		"transactionCreditCount": 0,
		"rejectedTransactionCreditCount": 0,
		"transactionDebitCount": count,
		"rejectedTransactionDebitCount": 0,
		"totalCreditAmount": 0,
		"totalDebitAmount": 1234.56,
		"batchProcessingMode": "ONLINE",
		"signInfo": {"state": "OPEN", "signId": "SIGN-1"},
		"instructionStatus": "ACTC",
		"exchangeIdentification": EXCHANGE,
		**changes,
	}
	return json.dumps({name: value for name, value in answer.items() if value is not None})


def refused(*errors: dict[str, Any]) -> str:
	"""KB's error body."""
	return json.dumps({"errors": list(errors)})


def problem(code: str, place: str = "", message: str = "words of the bank") -> dict[str, Any]:
	"""One entry of it."""
	return {
		"code": code,
		"message": message,
		"additionalInfo": {"parameterName": place, "rejectedValue": "x"},
	}


def send(one: Any, content: bytes | None = None, media: str = "application/json", **changes: Any) -> Any:
	"""Hand over a batch."""
	options = {"exchange_id": EXCHANGE, "mode": "ONLINE", "name": "SYN DAVKA", **changes}
	return one.submit(TOKEN, body() if content is None else content, media, **options)


def request(**changes: Any) -> ConsentRequest:
	"""A wish for a consent."""
	values = {
		"company": "",
		"psu_id": Secret(""),
		"references": (),
		"valid_until": (datetime.now(timezone.utc) + timedelta(days=365)).date(),
		"frequency_per_day": 24,
		"recurring": True,
		"state": "state-1",
		"redirect_url": CALLBACK,
		"code_challenge": "challenge-1",
	}
	return ConsentRequest(**{**values, **changes})
