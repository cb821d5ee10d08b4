"""The JSON batch (section 3.1): what is of the wrong shape refuses the whole request."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bank_api.sandbox.kb.orders.order import Order, Reading, Unreadable, symbols_in
from bank_api.sandbox.kb.switches import KbSwitches
from bank_api.sandbox.kb.wire import Problem

ROOT = "batchPaymentDataCollectionRequest"
_MEMBERS = frozenset(
	[
		"paymentIdentification",
		"PaymentIdentification",
		"paymentTypeInformation",
		"amount",
		"requestedExecutionDate",
		"exchangeRateInformation",
		"chargeBearer",
		"ultimateDebtor",
		"debtor",
		"debtorAccount",
		"creditorAgent",
		"creditor",
		"creditorAccount",
		"ultimateCreditor",
		"purpose",
		"remittanceInformation",
	]
)
_IDENTIFICATION = {
	"both": ("paymentIdentification", "PaymentIdentification"),
	"lower": ("paymentIdentification",),
}
_IDENTIFICATION["capital"] = ("PaymentIdentification",)
_LARGEST = Decimal(10**15)
_NAMES = {
	"instruction_id": "paymentIdentification.instructionIdentification",
	"end_to_end": "paymentIdentification.endToEndIdentification",
	"amount": "amount.instructedAmount.value",
	"currency": "amount.instructedAmount.currency",
	"day": "requestedExecutionDate",
	"own": "debtorAccount.identification.iban",
	"own_currency": "debtorAccount.currency",
	"partner": "creditorAccount.identification.iban",
	"partner_currency": "creditorAccount.currency",
	"name": "creditor.name",
	"country": "creditor.postalAddress.country",
	"bic": "creditorAgent.financialInstitutionIdentification.bic",
	"message": "remittanceInformation.unstructured",
	"variable": "remittanceInformation.structured.creditorReferenceInformation.reference",
	"specific": "remittanceInformation.structured.creditorReferenceInformation.reference",
	"constant": "remittanceInformation.structured.creditorReferenceInformation.reference",
	"priority": "paymentTypeInformation.instructionPriority",
	"charges": "chargeBearer",
}
_SYMBOL = {"VS": "variable", "KS": "constant", "SS": "specific"}


class _Payment:
	"""Takes one payment apart and collects what is wrong with it."""

	def __init__(self, place: str, body: Any, problems: list[Problem]) -> None:
		self.place, self.body, self.problems = place, body, problems

	def wrong(self, path: str, message: str, value: Any = "", code: str = "FIELD_INVALID") -> None:
		self.problems.append(Problem(code, f"{self.place}.{path}", message, str(value)))

	def get(self, path: str) -> Any:
		found = self.body
		for name in path.split("."):
			if found is None:
				return None
			if not isinstance(found, dict):
				self.wrong(path, "An object is expected on the way to this field")
				return None
			found = found.get(name)
		return found

	def text(
		self, path: str, longest: int, *, needed: bool = False, pattern: str = "", shortest: int = 1
	) -> str:
		value = self.get(path)
		if value is None:
			if needed:
				self.wrong(path, "The field is mandatory", code="FIELD_MISSING")
			return ""
		if not isinstance(value, str) or not shortest <= len(value) <= longest:
			self.wrong(path, f"A text of {shortest} to {longest} characters is expected", value)
			return ""
		if pattern and not re.fullmatch(pattern, value):
			self.wrong(path, f"The value does not match {pattern}", value)
			return ""
		return value

	def amount(self, path: str) -> int:
		value = self.get(path)
		if value is None:
			self.wrong(path, "The field is mandatory", code="FIELD_MISSING")
			return 0
		if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
			self.wrong(path, "A number is expected", value)
			return 0
		hundredths = Decimal(value) * 100
		if not Decimal(1) <= hundredths <= _LARGEST * 100 or hundredths != hundredths.to_integral_value():
			self.wrong(path, "From 0.01 to 1000000000000000, two decimals at most", value, "AM12")
			return 0
		return int(hundredths)

	def symbols(self, path: str) -> dict[str, Any]:
		value = self.get(path)
		if value is None:
			return {}
		if not isinstance(value, list):
			self.wrong(path, "A list of texts is expected", value)
			return {}
		found: dict[str, Any] = {}
		for entry in value:
			parts = re.fullmatch(r"(VS|KS|SS):(\d{1,10})", entry) if isinstance(entry, str) else None
			if parts is None or _SYMBOL[parts[1]] in found:
				self.wrong(path, "VS, KS and SS of 1 to 10 digits, each at most once", entry)
				return {}
			found[_SYMBOL[parts[1]]] = parts[2]
		return found

	def order(self, identifications: tuple[str, ...]) -> Order:
		for name in self.body:
			if name not in _MEMBERS:
				self.wrong(name, "This field does not exist")
		identification = next((name for name in identifications if name in self.body), identifications[0])
		for name in ("paymentIdentification", "PaymentIdentification"):
			if name in self.body and name not in identifications:
				self.wrong(name, "This field does not exist")
		message = self.text(_NAMES["message"], 140)
		symbols = {**symbols_in(message), **self.symbols(_NAMES["variable"])}
		take: Callable[..., str] = self.text
		return Order(
			place=self.place,
			amount=self.amount(_NAMES["amount"]),
			currency=take(_NAMES["currency"], 3, needed=True, pattern="[A-Z]{3}"),
			day=take(_NAMES["day"], 10, needed=True, pattern=r"\d{4}-\d\d-\d\d"),
			own=take(_NAMES["own"], 34, needed=True),
			own_currency=take(_NAMES["own_currency"], 3, pattern="[A-Z]{3}"),
			partner=take(_NAMES["partner"], 34, needed=True),
			partner_currency=take(_NAMES["partner_currency"], 3, pattern="[A-Z]{3}"),
			instruction_id=take(f"{identification}.instructionIdentification", 35, needed=True),
			end_to_end=take(f"{identification}.endToEndIdentification", 35),
			name=take(_NAMES["name"], 140),
			town=take("creditor.postalAddress.city", 35) or take("creditor.postalAddress.townName", 35),
			country=take(_NAMES["country"], 2, pattern="[A-Z]{2}"),
			bic=take(_NAMES["bic"], 11, pattern="[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?"),
			message=message,
			priority=take(_NAMES["priority"], 4, pattern="NORM|HIGH|INST") or "NORM",
			charges=take(_NAMES["charges"], 4),
			fields=_NAMES,
			**symbols,
		)


def read(data: bytes, switches: KbSwitches) -> Reading:
	"""Read a JSON batch.

	Args:
		data: The request's body.
		switches: Limits, and how the identification's name is written.

	Returns:
		The payments.

	Raises:
		Unreadable: Not JSON, of another shape, too many, or a field is missing or malformed.
	"""
	try:
		body = json.loads(data.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse)
	except ValueError as error:
		raise Unreadable(Problem("FF01", "", "The body is not JSON in UTF-8")) from error
	listed = body.get(ROOT) if isinstance(body, Mapping) else None
	if not isinstance(listed, list) or not listed:
		raise Unreadable(Problem("FIELD_MISSING", ROOT, "A list of at least one payment is expected"))
	if len(body) > 1:
		extra = next(name for name in body if name != ROOT)
		raise Unreadable(Problem("FIELD_INVALID", extra, "This field does not exist"))
	if len(listed) > switches.max_payments:
		text = f"At most {switches.max_payments} payments in a batch"
		raise Unreadable(Problem("TOO_MANY_PMTS", ROOT, text, str(len(listed))))
	problems: list[Problem] = []
	orders: list[Order] = []
	names = _IDENTIFICATION[switches.identification_case]
	for place, entry in enumerate(listed):
		if isinstance(entry, dict):
			orders.append(_Payment(f"{ROOT}[{place}]", entry, problems).order(names))
		else:
			problems.append(Problem("FIELD_INVALID", f"{ROOT}[{place}]", "An object is expected"))
	if problems:
		raise Unreadable(*problems[:100])
	return Reading(orders)


def _refuse(name: str) -> Any:
	raise ValueError(f"{name} is no JSON")
