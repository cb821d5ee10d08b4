"""A bank that takes batches of payments, in a file that threads and processes share. It does what a test says next.

Its book holds whatever has arrived, as often as it has arrived: the bank itself refuses no repetition.
"""

import json
import os
import secrets
import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from fake_consents import FakeBank, FakeConnector

from bank_api.connectors.errors import (
	BatchRefused,
	ConfigurationError,
	ConsentRequired,
	NotFound,
	NotSent,
	OutcomeUnknown,
	ProviderUnavailable,
	RateLimited,
	TokenRefused,
	Unsupported,
)
from bank_api.connectors.model import ConsentData, ConsentStanding, Secret, TokenPair
from bank_api.connectors.payments_model import (
	BatchStanding,
	BatchStatus,
	PaymentProblem,
	PaymentStatus,
	SubmittedBatch,
)

ENVIRONMENT = "FAKE_PAYMENTS"


class FakePaymentBank(FakeBank):
	"""The bank's side."""

	def plan(self, *outcomes: str) -> None:
		"""What becomes of the next batches, in their order; those behind them are stored."""
		self.put("plan", list(outcomes))

	def _next(self) -> str:
		plan = self.get("plan", [])
		if not plan:
			return "stored"
		self.put("plan", plan[1:])
		return plan[0]

	def store(self, exchange_id: str, body: bytes, count: int, rejected: int) -> dict[str, Any]:
		number = self.get("stored", 0) + 1
		self.put("stored", number)
		payments = _payments_of(body) if body[:1] == b"{" else [{} for _ in range(count)]
		batch = {
			"id": f"B{number:09d}",
			"exchange": exchange_id,
			"payments": payments,
			"rejected": rejected,
			"status": "ACWC" if rejected else "ACTC",
			"sign": "OPEN",
			"body": body.decode("cp1250", "replace"),
		}
		self.put(f"batch:{batch['id']}", batch)
		return batch

	def book(self) -> list[dict[str, Any]]:
		"""Everything that has arrived."""
		return [self.get(f"batch:B{number:09d}") for number in range(1, self.get("stored", 0) + 1)]

	def decide(self, batch_id: str, status: str, sign: str = "CLOSE", **more: Any) -> None:
		"""What the bank says of a batch from now on."""
		self.put(f"batch:{batch_id}", self.get(f"batch:{batch_id}") | {"status": status, "sign": sign} | more)


def _payments_of(body: bytes) -> list[dict[str, str]]:
	rows = json.loads(body, parse_float=str, parse_int=str)["batchPaymentDataCollectionRequest"]
	return [
		{
			"reference": row["paymentIdentification"]["instructionIdentification"],
			"amount": row["amount"]["instructedAmount"]["value"],
			"currency": row["amount"]["instructedAmount"]["currency"],
		}
		for row in rows
	]


class FakePaymentConnector(FakeConnector):
	"""Our side of it, as a `PaymentConnector`."""

	modes = ("ONLINE", "CONTINUOUS", "BATCH")

	def __init__(self, config: Any, ledger: Any):
		self.config = config
		self.bank = FakePaymentBank(os.environ[ENVIRONMENT])

	@property
	def most_payments(self) -> int:
		return self.bank.get("most", 100)

	def submit(self, token: Any, body: bytes, content_type: str, **sent: Any) -> SubmittedBatch:
		self.bank.called("submit", {"exchange": sent["exchange_id"], "token": token.value.reveal()})
		time.sleep(self.bank.get("seconds", 0))
		outcome = self.bank._next()
		exchange, count = sent["exchange_id"], sent["payments"]
		problem = PaymentProblem(
			"AC03", "The payee's account is closed. Ask for another one.", 1, "creditorAccount"
		)
		never = {
			"not_sent": NotSent("KB cannot be reached; nothing was sent, and it may be tried again."),
			"limited": RateLimited("KB's limit is reached; try again later.", retry_after=7),
			"token": TokenRefused("KB does not accept the access token."),
			"consent": ConsentRequired("The user may not send batches now."),
			"key": ConfigurationError("KB does not accept the key of this API."),
			"refused": BatchRefused(problem.sentence, problems=(problem,)),
			"lost_before": OutcomeUnknown("It is not certain whether KB has stored the batch."),
			"strange": ProviderUnavailable("Something that nobody has thought of."),
		}
		if outcome in never:
			raise never[outcome]
		if outcome == "defect_before":
			raise RuntimeError("a defect")
		rejected = {"partly": 1, "all_rejected": count}.get(outcome, 0)
		batch = self.bank.store(exchange, body, count, rejected)
		if outcome == "lost_after":
			raise OutcomeUnknown("It is not certain whether KB has stored the batch.")
		if outcome == "defect_after":
			raise RuntimeError("a defect")
		if outcome == "stopped":
			raise SystemExit(1)
		total = sum((Decimal(one.get("amount", "0")) for one in batch["payments"]), Decimal(0))
		if outcome == "other_sum":
			total += 1
		everything = rejected == count
		return SubmittedBatch(
			batch_id=batch["id"],
			exchange_id=exchange,
			status="RJCT" if everything else batch["status"],
			standing=BatchStanding.REJECTED if everything else BatchStanding.WAITING,
			payments=count,
			rejected=rejected,
			digest="AB" * 20,
			total_debit=total if batch["payments"][0] else None,
			total_credit=Decimal(0),
			mode="ONLINE",
			sign_state="NONE" if everything else "OPEN",
			sign_id="SIGN-1",
			request_id="id",
			payload="{}",
		)

	def _status(self, batch: dict[str, Any]) -> BatchStatus:
		standing = {
			"ACTC": BatchStanding.WAITING,
			"ACWC": BatchStanding.WAITING,
			"ACSP": BatchStanding.AUTHORISED,
			"ACSC": BatchStanding.SETTLED,
			"RJCT": BatchStanding.REJECTED,
			"CANC": BatchStanding.CANCELLED,
			"EXPI": BatchStanding.EXPIRED,
		}.get(batch["status"], BatchStanding.UNKNOWN)
		refused = PaymentProblem(
			"AC03", "The payee's account is closed. Ask for another one.", 0, "creditorAccount"
		)
		payments = []
		for index, one in enumerate(batch["payments"]):
			bad = index < batch["rejected"] or one.get("bad")
			payments.append(
				PaymentStatus(
					index=index,
					reference=one.get("reference", ""),
					payment_id=f"{batch['id']}-{index}",
					status="RJCT" if bad else batch["status"],
					standing=BatchStanding.REJECTED if bad else standing,
					problems=(refused,) if bad else (),
					amount=Decimal(one["amount"]) if "amount" in one else None,
					currency=one.get("currency", ""),
				)
			)
		return BatchStatus(
			batch_id=batch["id"],
			exchange_id=batch["exchange"],
			status=batch["status"],
			standing=standing,
			sign_state=batch["sign"],
			sign_id="SIGN-1",
			change="",
			payments=tuple(payments),
			payload="{}",
			digest="AB" * 20,
		)

	def batch_status(self, token: Any, batch_id: str) -> BatchStatus:
		self.bank.called("batch_status", batch_id)
		batch = self.bank.get(f"batch:{batch_id}")
		if batch is None:
			raise NotFound("KB does not know this batch.")
		return self._status(batch)

	def batch_detail(self, token: Any, batch_id: str) -> BatchStatus:
		self.bank.called("batch_detail", batch_id)
		return self._status(self.bank.get(f"batch:{batch_id}"))

	def find_batch(self, token: Any, exchange_id: str) -> tuple[BatchStatus, ...]:
		self.bank.called("find_batch", exchange_id)
		if not self.bank.get("list", True):
			raise Unsupported("KB offers no list of batches: look the batch up in the bank's own channel.")
		return tuple(self._status(one) for one in self.bank.book() if one["exchange"] == exchange_id)

	def cancel_batch(self, token: Any, batch_id: str) -> None:
		self.bank.called("cancel_batch", batch_id)
		batch = self.bank.get(f"batch:{batch_id}")
		how = self.bank.get("cancelling", "")
		if how == "unsupported":
			raise Unsupported("KB offers no call to cancel a batch: refuse it in the bank's own channel.")
		if batch is None:
			raise NotFound("KB does not know this batch.")
		if batch["sign"] != "OPEN":
			raise BatchRefused("Only a batch that waits for its authorisation can be cancelled")
		if how == "lost_before":
			raise OutcomeUnknown("It is not certain whether KB has cancelled the batch.")
		self.bank.decide(batch_id, "CANC", "NONE")
		if how == "lost_after":
			raise OutcomeUnknown("It is not certain whether KB has cancelled the batch.")

	def renew(self, consent_id: str, refresh: Any, **_: Any) -> Any:
		self.bank.called("renew", consent_id)
		ends = datetime.now(timezone.utc) + timedelta(hours=1)
		return TokenPair(Secret(secrets.token_urlsafe(16)), Secret("refresh"), ends, None, "")

	def consent(self, consent_id: str, presence: Any = None) -> Any:
		self.bank.called("consent", consent_id)
		return ConsentData(consent_id, "VALID", ConsentStanding.VALID, date(2099, 1, 1), None, (), "{}", True)
