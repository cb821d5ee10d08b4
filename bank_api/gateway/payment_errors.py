"""What speaks against payments, in the words of whoever reads it."""

from collections.abc import Iterable, Sequence
from typing import Any

from frappe import _

from bank_api.connectors.payments_model import PaymentProblem
from bank_api.gateway.plain import shown
from bank_api.payments.findings import MESSAGES, Finding

MOST_SHOWN = 5


def of_findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
	"""Our own findings: `index` (from 0; None for the whole), `field`, `code`, `message`, `sentence`, and a file's place."""
	return [_finding(one) for one in findings]


def _finding(one: Finding) -> dict[str, Any]:
	message = _(MESSAGES[one.code]).format(**one.values)
	found: dict[str, Any] = {"index": one.payment, "field": one.field, "code": one.code, "message": message}
	if one.line is not None:
		found |= {"line": one.line, "position": one.position}
	return found | {"sentence": _sentence(one.payment, one.field, message, one.line)}


def _sentence(index: int | None, field: str, message: str, line: int | None = None) -> str:
	places = []
	if index is not None:
		places.append(_("Payment {0}").format(index + 1))
	if line is not None:
		places.append(_("line {0}").format(line))
	if field:
		places.append(field)
	return f"{', '.join(places)}: {message}" if places else message


def of_problem(one: PaymentProblem) -> str:
	"""What the bank says against a payment, with payment and field."""
	return shown(_sentence(one.index, one.field, _(one.message))) or ""


def of_problems(problems: Iterable[PaymentProblem]) -> list[dict[str, Any]]:
	"""What the bank says against payments, in the form of `of_findings`."""
	return [
		{
			"index": one.index,
			"field": shown(one.field[:140]) or "",
			"code": shown(one.code[:60]) or "",
			"message": shown(_(one.message)),
			"sentence": of_problem(one),
		}
		for one in problems
	]


def summary(sentences: Sequence[str]) -> str:
	"""A few sentences, and how many more there are."""
	text = "\n".join(sentences[:MOST_SHOWN])
	if len(sentences) > MOST_SHOWN:
		text += "\n" + _("And {0} more.").format(len(sentences) - MOST_SHOWN)
	return text
