"""BATCHDA: batches are received, their status and detail read, waiting ones cancelled (section 3)."""

import re
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.clock import iso_ms
from bank_api.sandbox.kb.batches import MODES, Batches, Sending
from bank_api.sandbox.kb.checks import Checked, Checks
from bank_api.sandbox.kb.door import Caller, caller, need_api_key, need_correlation
from bank_api.sandbox.kb.model import OPEN, Batch, Payment
from bank_api.sandbox.kb.orders import CONTENT_TYPES, JSON_FORMAT, READERS
from bank_api.sandbox.kb.orders.order import Order, Reading, Unreadable
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import KbError, Problem, answer, money

BASE = "/directapi/batchda/v3/batchPayments"
EXCHANGE, MODE, NAME = "x-exchange-identification", "x-batch-processing-mode", "x-instruction-name"


class Batchda:
	"""The endpoints. The caller holds the lock."""

	def __init__(self, state: KbState, batches: Batches) -> None:
		self.state, self.batches = state, batches

	def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
		"""Return method, path and function; all but the first are guesses (section 3.2, 3.4)."""
		return [
			("POST", BASE, self.create),
			("GET", BASE, self.find),
			("POST", f"{BASE}/<file_format>", self.create),
			("GET", f"{BASE}/<batch_id>/status", self.status),
			("GET", f"{BASE}/<batch_id>", self.detail),
			("DELETE", f"{BASE}/<batch_id>", self.cancel),
		]

	def _caller(self, request: Request) -> Caller:
		if self.state.switches.batchda_key:
			need_api_key(self.state, request, "batchda", ("apiKey", "x-api-key"))
		found = caller(self.state, request.headers, "bpisp")
		need_correlation(request)
		if self.state.switches.plan == "Basic":
			raise KbError(403, Problem("FORBIDDEN", "", "API Business Basic does not include batches"))
		if found.user.service_until <= self.state.now:
			text = "Batch payments via API are not authorised any more: the user renews them in MojeBanka"
			raise KbError(403, Problem("AG01", "", text))
		return found

	# receiving
	def create(self, request: Request, file_format: str = "") -> Response:
		"""POST /batchPayments, and /batchPayments/{km|sepaxml|best} for files."""
		who = self._caller(request)
		wanted = self._format(request, file_format)
		sending = self._sending(request, wanted)
		before = self.batches.sent_before(who, sending.exchange)
		if before:
			again = self._repeated(before[0], sending)
			if again is not None:
				return again
		reading = self._read(sending)
		self._once(who, reading)
		checked = Checks(self.state, who).check(reading.orders)
		self._judge(reading.orders, checked)
		batch = self.batches.store(who, sending, checked)
		self._used(who, reading)
		return answer(self.batches.answer(batch))

	def _format(self, request: Request, named: str) -> str:
		by_type = CONTENT_TYPES.get(request.mimetype, "")
		wanted = named or by_type
		known = {JSON_FORMAT, *self.state.switches.file_formats}
		# a BEST file is plain text too, so only its path tells it from KM
		fits = by_type == wanted or (wanted == "best" and by_type == "km")
		if wanted not in known or not fits:
			raise KbError(
				415,
				Problem(
					"UNSUPPORTED_MEDIA_TYPE", "Content-Type", "This format is not accepted", request.mimetype
				),
			)
		return wanted

	def _sending(self, request: Request, wanted: str) -> Sending:
		exchange, mode = request.headers.get(EXCHANGE), request.headers.get(MODE)
		name = _utf8(request.headers.get(NAME, ""))
		problems: list[Problem] = []
		if exchange is None:
			problems.append(Problem("FIELD_MISSING", EXCHANGE, "The header is mandatory"))
		elif not re.fullmatch(r"[!-~]{1,14}", exchange):
			problems.append(
				Problem("INVALID_HEADER_VALUE", EXCHANGE, "1 to 14 characters are expected", exchange)
			)
		if mode is None:
			problems.append(Problem("FIELD_MISSING", MODE, "The header is mandatory"))
		elif mode not in MODES:
			problems.append(
				Problem("INVALID_HEADER_VALUE", MODE, f"One of {', '.join(MODES)} is expected", mode)
			)
		if NAME in request.headers and not 1 <= len(name) <= 35:
			problems.append(Problem("INVALID_HEADER_VALUE", NAME, "1 to 35 characters are expected", name))
		if problems:
			raise KbError(400, *problems)
		return Sending(exchange or "", mode or "", name, wanted, request.get_data())

	def _repeated(self, first: Batch, sending: Sending) -> Response | None:
		policy = self.state.switches.repeated_exchange
		if policy == "accept":
			return None
		if policy == "same_outcome" and self.batches.digest(sending) == first.digest:
			return answer(self.batches.answer(first))
		text = "A batch with this exchange identification was received already"
		raise self._invalid(Problem("AM05", EXCHANGE, text, sending.exchange))

	def _read(self, sending: Sending) -> Reading:
		try:
			return READERS[sending.format](sending.body, self.state.switches)
		except Unreadable as error:
			raise KbError(400, *error.problems) from error

	def _invalid(self, *problems: Problem) -> KbError:
		return KbError(self.state.switches.invalid_status, *problems)

	def _judge(self, orders: list[Order], checked: list[Checked]) -> None:
		"""Refuse the batch as a whole where the switches say so."""
		switches = self.state.switches
		if switches.one_account and len({order.own for order in orders}) > 1:
			raise self._invalid(Problem("ACC_DIFFERENT", "", "All payments must leave one account"))
		problems = [problem for entry in checked for problem in entry.problems]
		nothing_left = all(entry.problems for entry in checked)
		if problems and (not switches.partial or (nothing_left and switches.fully_rejected == "error")):
			raise self._invalid(*problems[:100])

	# files serve once a day (section 5.1)
	def _file_keys(self, who: Caller, reading: Reading) -> list[str]:
		return [f"{who.app.client_id} {self.state.today} {number}" for number in reading.numbers]

	def _once(self, who: Caller, reading: Reading) -> None:
		if not self.state.switches.file_number_once:
			return
		known = self.state.core.recall("kb_files", [])
		for key in self._file_keys(who, reading):
			if key in known:
				text = "An accounting file of this number was imported today already"
				raise self._invalid(Problem("AM05", "UHL1", text, key.rpartition(" ")[2]))

	def _used(self, who: Caller, reading: Reading) -> None:
		if reading.numbers:
			today = f" {self.state.today} "
			known = [key for key in self.state.core.recall("kb_files", []) if today in key]
			self.state.core.remember("kb_files", [*known, *self._file_keys(who, reading)])

	# reading
	def _batch(self, who: Caller, batch_id: str) -> Batch:
		found = self.batches.find(who, batch_id)
		if found is None:
			raise KbError(
				404, Problem("TRANSACTION_MISSING", "transactionIdentification", "Unknown batch", batch_id)
			)
		return found

	def find(self, request: Request) -> Response:
		"""GET /batchPayments?exchangeIdentification=: an invention, so that an unknown outcome can be settled."""
		who = self._caller(request)
		if not self.state.switches.find_by_exchange:
			raise KbError(404, Problem("TRANSACTION_MISSING", "", "This does not exist"))
		exchange = request.args.get("exchangeIdentification", "")
		if not exchange:
			raise KbError(
				400, Problem("FIELD_MISSING", "exchangeIdentification", "The parameter is mandatory")
			)
		found = [batch for batch in self.batches.sent_before(who, exchange) if batch.user == who.user.id]
		return answer({"batchPayments": [self._head(batch) for batch in found]})

	def status(self, request: Request, batch_id: str) -> Response:
		"""GET /batchPayments/{id}/status."""
		batch = self._batch(self._caller(request), batch_id)
		payments = [_short(payment) for payment in self.state.payments_of(batch)]
		return answer({**self._status(batch), "payments": payments})

	def detail(self, request: Request, batch_id: str) -> Response:
		"""GET /batchPayments/{id}."""
		batch = self._batch(self._caller(request), batch_id)
		payments = [_long(payment) for payment in self.state.payments_of(batch)]
		return answer({**self._head(batch), "payments": payments})

	@staticmethod
	def _status(batch: Batch) -> dict[str, Any]:
		found = {
			"transactionIdentification": batch.id,
			"exchangeIdentification": batch.exchange,
			"instructionStatus": batch.status,
			"signInfo": {"state": batch.sign_state, "signId": batch.sign_id},
		}
		return {**found, "statusChangeInfo": batch.change} if batch.change else found

	def _head(self, batch: Batch) -> dict[str, Any]:
		head = {
			**self.batches.answer(batch),
			**self._status(batch),
			"receivedDateTime": iso_ms(batch.received),
		}
		return {**head, "instructionName": batch.name} if batch.name else head

	def cancel(self, request: Request, batch_id: str) -> Response:
		"""DELETE /batchPayments/{id}: while nobody has authorised it."""
		batch = self._batch(self._caller(request), batch_id)
		if batch.sign_state != OPEN:
			text = "Only a batch that waits for its authorisation can be cancelled"
			raise KbError(422, Problem("UNPROCESSABLE_ENTITY", "transactionIdentification", text, batch.id))
		self.batches.cancel(batch)
		return answer(None, 204)


def _utf8(text: str) -> str:
	"""Read a header that was sent as raw UTF-8; WSGI hands it over as Latin-1 (section 3.1)."""
	try:
		return text.encode("latin-1").decode("utf-8")
	except UnicodeError:
		return text


def _identification(payment: Payment) -> dict[str, str]:
	named = (("instructionIdentification", "instruction_id"), ("endToEndIdentification", "end_to_end"))
	found = {name: payment.details[ours] for name, ours in named if ours in payment.details}
	return {**found, "transactionIdentification": f"{payment.batch}-{payment.index + 1:05d}"}


def _short(payment: Payment) -> dict[str, Any]:
	found: dict[str, Any] = {
		"paymentIdentification": _identification(payment),
		"instructionStatus": payment.status,
	}
	if payment.errors:
		found["errors"] = [
			{
				"code": error["code"],
				"message": error["message"],
				"additionalInfo": {"parameterName": error["field"], "rejectedValue": error["value"]},
			}
			for error in payment.errors
		]
	return found


def _long(payment: Payment) -> dict[str, Any]:
	own, partner = {"identification": {"iban": payment.own}}, {"identification": {"iban": payment.partner}}
	debtor, creditor = (partner, own) if payment.collection else (own, partner)
	details = payment.details
	references = [
		f"{mark}:{details[name]}"
		for mark, name in (("VS", "variable"), ("KS", "constant"), ("SS", "specific"))
		if name in details
	]
	remittance: dict[str, Any] = {"unstructured": details["message"]} if "message" in details else {}
	if references:
		remittance["structured"] = {"creditorReferenceInformation": {"reference": references}}
	found: dict[str, Any] = {
		**_short(payment),
		"amount": {"instructedAmount": {"value": money(payment.amount), "currency": payment.currency}},
		"requestedExecutionDate": payment.day,
		"debtorAccount": debtor,
		"creditorAccount": creditor,
		"remittanceInformation": remittance,
	}
	if payment.settled:
		found["settlementDate"] = payment.settled
	return found
