"""What a refusal's body says, in any of its shapes: KB's, the Czech standard's, OAuth's, the gateway's XML (3.3)."""

from typing import Any, NamedTuple
from xml.parsers import expat

from bank_api.connectors import verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.http import Answer
from bank_api.connectors.kb.problems import problem
from bank_api.connectors.payments_model import PaymentProblem

NAMESPACE = "http://wso2.org/apimanager"
_LARGEST_FAULT = 64 * 1024
_MOST_PROBLEMS = 1000
_PARTS = ("code", "message", "description")


class Reason(NamedTuple):
	"""What could be read of it.

	Attributes:
		readable: whether it is one of the shapes that refusals have; anything else proves nothing.
		problems: what is wrong, as listed.
		code: the first code, whoever gave it.
		is_fault: whether the gateway before the API refuses, and not the API.
		words: the gateway's words in small letters, to look for known ones; never shown.
	"""

	readable: bool
	problems: tuple[PaymentProblem, ...] = ()
	code: str = ""
	is_fault: bool = False
	words: str = ""


_NOTHING = Reason(False)


def reason_of(answer: Answer) -> Reason:
	"""Read a refusal; never raises, whatever was sent."""
	if answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
		return _xml(answer.body)
	try:
		body = verbatim.parse(answer.text())
	except MalformedResponse:
		return _NOTHING
	if not isinstance(body, dict):
		return _NOTHING
	fault = body.get("fault")
	if isinstance(fault, dict):
		return _fault({name: str(fault.get(name, "")) for name in _PARTS})
	return _listed(body)


def _listed(body: dict[str, Any]) -> Reason:
	rows = body.get("errors")
	entries = rows if isinstance(rows, list) and rows else [body]
	if not all(isinstance(entry, dict) for entry in entries):
		return _NOTHING
	found = [problem(entry) for entry in entries[:_MOST_PROBLEMS]]
	problems = tuple(one for one in found if one is not None)
	if not problems or len(problems) != len(found):
		return _NOTHING
	return Reason(True, problems, next((one.code for one in problems if one.code), ""))


def _xml(body: bytes) -> Reason:
	"""A fault of the gateway. A document type is refused: none of its entities is ever expanded or fetched."""
	if len(body) > _LARGEST_FAULT:
		return _NOTHING
	path: list[str] = []
	texts: dict[str, str] = {}

	def begin(name: str, _: Any) -> None:
		path.append(name)
		if len(path) > 8:
			raise ValueError("nested too deeply")

	def text(data: str) -> None:
		if len(path) == 2:
			name = path[1].rpartition(" ")[2]
			texts[name] = texts.get(name, "") + data

	def refuse(*_: Any) -> None:
		raise ValueError("a document type")

	root: list[str] = []

	def end(name: str) -> None:
		if len(path) == 1:
			root.append(name)
		path.pop()

	parser = expat.ParserCreate(namespace_separator=" ")
	parser.StartElementHandler, parser.EndElementHandler = begin, end
	parser.CharacterDataHandler = text
	parser.StartDoctypeDeclHandler = refuse
	try:
		parser.Parse(body, True)
	except (expat.ExpatError, ValueError):
		return _NOTHING
	if root != [f"{NAMESPACE} fault"]:
		return _NOTHING
	return _fault(texts)


def _fault(texts: dict[str, str]) -> Reason:
	code = texts.get("code", "").strip()
	if not (code.isascii() and code.isalnum() and len(code) <= 20):
		return _NOTHING
	words = " ".join(texts.get(name, "") for name in _PARTS[1:]).lower()
	return Reason(True, (), code, True, words)
