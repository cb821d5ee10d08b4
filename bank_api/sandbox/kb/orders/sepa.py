"""SEPA XML, pain.001 (section 5.4): EUR, structured addresses, no surprises in the XML."""

from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from bank_api.sandbox.kb.orders.order import Order, Reading, Unreadable, symbols_in
from bank_api.sandbox.kb.switches import KbSwitches
from bank_api.sandbox.kb.wire import Problem

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_FIXED = (
	("PmtMtd", "TRF"),
	("PmtTpInf/SvcLvl/Cd", "SEPA"),
	("ChrgBr", "SLEV"),
)
_NAMES = {
	"instruction_id": "PmtId/InstrId",
	"end_to_end": "PmtId/EndToEndId",
	"amount": "Amt/InstdAmt",
	"currency": "Amt/InstdAmt/@Ccy",
	"day": "ReqdExctnDt",
	"own": "DbtrAcct/Id/IBAN",
	"own_currency": "DbtrAcct/Ccy",
	"partner": "CdtrAcct/Id/IBAN",
	"name": "Cdtr/Nm",
	"country": "Cdtr/PstlAdr/Ctry",
	"bic": "CdtrAgt/FinInstnId/BIC",
	"message": "RmtInf/Ustrd",
	"charges": "ChrgBr",
}


class _Document:
	"""An XML tree read by paths without the namespace."""

	def __init__(self, root: ElementTree.Element) -> None:
		self.root = root
		self.space = root.tag.rpartition("}")[0] + "}"

	def all(self, node: ElementTree.Element, path: str) -> list[ElementTree.Element]:
		return node.findall("/".join(self.space + part for part in path.split("/")))

	def text(self, node: ElementTree.Element, path: str) -> str:
		found = self.all(node, path)
		return (found[0].text or "").strip() if found else ""


def _wrong(place: str, text: str, value: str = "", code: str = "FF01") -> Unreadable:
	return Unreadable(Problem(code, place, text, value))


def _hundredths(text: str, place: str) -> int:
	try:
		value = Decimal(text) * 100
	except InvalidOperation as error:
		raise _wrong(place, "An amount is expected", text, "AM12") from error
	if not value.is_finite() or value != value.to_integral_value():
		raise _wrong(place, "Two decimals at most", text, "AM12")
	return int(value)


def _parse(data: bytes, versions: list[str]) -> _Document:
	if b"<!" in data.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
		raise _wrong("", "No document type and no entities")
	try:
		document = _Document(ElementTree.fromstring(data))
	except ElementTree.ParseError as error:
		raise _wrong("", "The file is not XML") from error
	if document.root.tag not in {f"{{{_NAMESPACE}{version}}}Document" for version in versions}:
		raise _wrong("Document", f"One of {', '.join(versions)} is expected", document.root.tag)
	return document


def _totals(document: _Document, node: ElementTree.Element, place: str, orders: list[Order]) -> None:
	count, total = document.text(node, "NbOfTxs"), document.text(node, "CtrlSum")
	if count and count != str(len(orders)):
		raise _wrong(f"{place}/NbOfTxs", f"{len(orders)} transactions are in it", count)
	if total and _hundredths(total, f"{place}/CtrlSum") != sum(order.amount for order in orders):
		raise _wrong(f"{place}/CtrlSum", "The amounts give another sum", total, "AM10")


def read(data: bytes, switches: KbSwitches) -> Reading:
	"""Read a SEPA credit transfer file.

	Args:
		data: The file.
		switches: Limits, and which versions are accepted.

	Returns:
		The payments.

	Raises:
		Unreadable: The first thing that is wrong, with its path.
	"""
	document = _parse(data, switches.pain_versions)
	headers = document.all(document.root, "CstmrCdtTrfInitn/GrpHdr")
	if len(headers) != 1:
		raise _wrong("GrpHdr", "One group header is expected")
	orders: list[Order] = []
	for number, info in enumerate(document.all(document.root, "CstmrCdtTrfInitn/PmtInf")):
		place = f"PmtInf[{number}]"
		for path, wanted in _FIXED:
			if (value := document.text(info, path)) not in ("", wanted):
				raise _wrong(f"{place}/{path}", f"Only {wanted}", value)
		found = [
			_order(document, info, transfer, f"{place}/CdtTrfTxInf[{index}]/")
			for index, transfer in enumerate(document.all(info, "CdtTrfTxInf"))
		]
		_totals(document, info, place, found)
		orders += found
	if not orders:
		raise _wrong("PmtInf", "At least one payment is expected")
	if len(orders) > switches.max_file_payments:
		raise _wrong("", f"At most {switches.max_file_payments} payments", str(len(orders)), "TOO_MANY_PMTS")
	_totals(document, headers[0], "GrpHdr", orders)
	return Reading(orders)


def _order(
	document: _Document, info: ElementTree.Element, transfer: ElementTree.Element, place: str
) -> Order:
	amounts = document.all(transfer, "Amt/InstdAmt")
	if len(amounts) != 1:
		raise _wrong(f"{place}Amt/InstdAmt", "An amount is expected", code="FIELD_MISSING")
	if document.all(transfer, "Cdtr/PstlAdr/AdrLine") or document.all(info, "Dbtr/PstlAdr/AdrLine"):
		raise _wrong(f"{place}Cdtr/PstlAdr/AdrLine", "Addresses must be structured")
	message = document.text(transfer, "RmtInf/Ustrd")
	day = document.text(info, "ReqdExctnDt") or document.text(info, "ReqdExctnDt/Dt")
	agent = "CdtrAgt/FinInstnId/"
	return Order(
		place=place,
		amount=_hundredths(amounts[0].text or "", f"{place}Amt/InstdAmt"),
		currency=amounts[0].get("Ccy", ""),
		day=day,
		own=document.text(info, "DbtrAcct/Id/IBAN"),
		own_currency=document.text(info, "DbtrAcct/Ccy"),
		partner=document.text(transfer, "CdtrAcct/Id/IBAN"),
		instruction_id=document.text(transfer, "PmtId/InstrId"),
		end_to_end=document.text(transfer, "PmtId/EndToEndId"),
		name=document.text(transfer, "Cdtr/Nm"),
		town=document.text(transfer, "Cdtr/PstlAdr/TwnNm"),
		country=document.text(transfer, "Cdtr/PstlAdr/Ctry"),
		bic=document.text(transfer, f"{agent}BIC") or document.text(transfer, f"{agent}BICFI"),
		message=message,
		charges="SLEV",
		fields=_NAMES,
		**symbols_in(message),
	)
