"""A client of the simulated KB that shares nothing with ours: tokens, batches, reads."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from sandbox_harness import serving

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.kb.data import MAIN

NOW = "2026-09-08T07:00:00Z"  # a Tuesday, nine o'clock in Prague
TODAY, TOMORROW = "2026-09-08", "2026-09-09"
CALLBACK = "https://erp.test/callback"
BATCHES = "/directapi/batchda/v3/batchPayments"
PARTNER = "CZ6508000000192000145399"


@contextmanager
def running_kb(**options: Any) -> Iterator[SandboxControl]:
	"""Run a sandbox in this process with KB's listeners, on a Tuesday morning."""
	with serving(**{"now": NOW, "transactions": 24, **options}) as control:
		yield control


def payment(number: int = 1, value: Any = 1234.56, **changes: Any) -> dict[str, Any]:
	"""A payment of a JSON batch, as the protocol file's appendix has it."""
	return {
		"paymentIdentification": {"instructionIdentification": f"SYN-{number:04d}"},
		"amount": {"instructedAmount": {"value": value, "currency": "CZK"}},
		"requestedExecutionDate": TOMORROW,
		"debtorAccount": {"identification": {"iban": MAIN}, "currency": "CZK"},
		"creditorAccount": {"identification": {"iban": PARTNER}, "currency": "CZK"},
		"remittanceInformation": {
			"unstructured": "Faktura 2026/0042",
			"structured": {"creditorReferenceInformation": {"reference": ["VS:20260042", "KS:308", "SS:77"]}},
		},
		**changes,
	}


def codes(answer: requests.Response) -> list[str]:
	"""The codes of KB's error body."""
	return [error.get("code", "") for error in answer.json()["errors"]]


class KbClient:
	"""An application with a consent.

	Args:
		control: The sandbox.
		scopes: What it was allowed.
		**consent: As ``SandboxControl.kb.consent`` takes them.
	"""

	def __init__(self, control: SandboxControl, scopes: str = "adaa bpisp statda", **consent: Any) -> None:
		self.kb, self.session = control.kb, requests.Session()
		self.info = self.kb.info()
		self.app = self.kb.add_app(CALLBACK)
		self.back = self.kb.consent(self.app["client_id"], scopes=scopes.split(), state="s1", **consent)[
			"location"
		]
		body = self.exchange(self.back).json()
		self.token, self.refresh_token = body["access_token"], body["refresh_token"]

	def headers(self, **changes: str | None) -> dict[str, str]:
		"""What every call carries; None leaves one out."""
		usual = {
			"Authorization": f"Bearer {getattr(self, 'token', '')}",
			"x-correlation-id": str(uuid.uuid4()),
			"apiKey": self.info["api_keys"]["adaa"],
		}
		merged = {**usual, **{name.replace("_", "-"): value for name, value in changes.items()}}
		return {name: value for name, value in merged.items() if value is not None}

	def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
		"""GET."""
		return self.session.get(
			self.info["api_url"] + path, headers=headers or self.headers(), params=query, timeout=30
		)

	def form(self, path: str = "/oauth2/v3/access_token", **values: Any) -> requests.Response:
		"""Send a form to CAAS."""
		headers = {"apiKey": self.info["api_keys"]["oauth2"], "x-correlation-id": str(uuid.uuid4())}
		usual = {
			"client_id": self.app["client_id"],
			"client_secret": self.app["secret"],
			"redirect_uri": CALLBACK,
		}
		form = {name: value for name, value in {**usual, **values}.items() if value is not None}
		return self.session.post(self.info["api_url"] + path, data=form, headers=headers, timeout=30)

	def exchange(self, location: str, **values: Any) -> requests.Response:
		"""Exchange the code that an address carries."""
		code = dict(parse_qsl(urlsplit(location).query)).get("code")
		return self.form(**{"grant_type": "authorization_code", "code": code, **values})

	def refresh(self, **values: Any) -> requests.Response:
		"""Refresh, and use the new token."""
		answer = self.form(**{"grant_type": "refresh_token", "refresh_token": self.refresh_token, **values})
		if answer.ok:
			self.token = answer.json()["access_token"]
		return answer

	def batch_headers(self, exchange: str, **changes: str | None) -> dict[str, str]:
		"""What a batch carries."""
		usual: dict[str, str | None] = {
			"x-exchange-identification": exchange,
			"x-batch-processing-mode": "ONLINE",
			"x-instruction-name": "SYN DAVKA",
			"Content-Type": "application/json",
		}
		named = {name.replace("_", "-"): value for name, value in changes.items()}
		merged = {**self.headers(apiKey=None), **usual, **named}
		return {name: value for name, value in merged.items() if value is not None}

	def send(self, exchange: str, *payments: Any, **changes: str | None) -> requests.Response:
		"""Send a JSON batch."""
		body = json.dumps({"batchPaymentDataCollectionRequest": list(payments)}, ensure_ascii=False)
		return self.send_raw(exchange, body.encode(), **changes)

	def send_raw(
		self, exchange: str, body: bytes, path: str = "", **changes: str | None
	) -> requests.Response:
		"""Send any bytes as a batch."""
		url = f"{self.info['api_url']}{BATCHES}{path}"
		return self.session.post(url, data=body, headers=self.batch_headers(exchange, **changes), timeout=30)
