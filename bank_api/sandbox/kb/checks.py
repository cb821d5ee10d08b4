"""What the bank checks of each payment before it stores a batch (section 1, F2; codes of section 3.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from bank_api.sandbox.kb import days
from bank_api.sandbox.kb.door import Caller
from bank_api.sandbox.kb.numbers import CODES, KB, SEPA, iban_sound, number_of
from bank_api.sandbox.kb.orders import Order
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import Problem

CURRENCIES = frozenset(
	["CZK", "EUR", "USD", "GBP", "CHF", "PLN", "HUF", "DKK", "NOK", "SEK", "CAD", "JPY", "AUD", "RON"]
)
CHARGES = frozenset(("", "SHAR", "SLEV", "DEBT", "CRED"))
_FORBIDDEN = re.compile(r".{0,3}5|.{0,2}51|6|7")  # ???5, ??51, 0006, 0007 without leading zeros (section 5.0)
_TEXTS = ("instruction_id", "end_to_end", "name", "message")


@dataclass(frozen=True)
class Checked:
	"""A payment with what is wrong with it, and whether the bank has moved its day."""

	order: Order
	problems: tuple[Problem, ...]
	moved: bool = False


class Checks:
	"""Checks a caller's payments. The caller holds the lock."""

	def __init__(self, state: KbState, caller: Caller) -> None:
		self.state, self.caller = state, caller
		self._allowed = set(caller.grant.accounts) & set(caller.user.accounts)
		self._days: dict[str, tuple[str, str]] = {}

	def check(self, orders: list[Order]) -> list[Checked]:
		"""Check all payments of a batch."""
		seen: set[str] = set()
		found: list[Checked] = []
		for order in orders:
			problems = [*self._own(order), *self._partner(order), *self._rest(order)]
			if order.instruction_id and order.instruction_id in seen:
				problems.append(
					order.problem(
						"RF01", "instruction_id", "The identification is not unique", order.instruction_id
					)
				)
			seen.add(order.instruction_id)
			day, wrong = self._day(order.day)
			if wrong:
				problems.append(order.problem("DT01", "day", wrong, order.day))
			found.append(Checked(replace(order, day=day), tuple(problems), day != order.day and not wrong))
		return found

	def _own(self, order: Order) -> Iterator[Problem]:
		number = number_of(order.own)
		if number is None or number.bank != KB:
			yield order.problem("AC02", "own", "The account is no valid account at KB", order.own)
			return
		account = self.state.accounts.get(order.own)
		if account is None or order.own not in self._allowed:
			yield order.problem("AG01", "own", "The consent does not cover this account", order.own)
			return
		if account.status != "active":
			yield order.problem("AC02", "own", f"The account is {account.status}", order.own)
		if not account.payments:
			yield order.problem("AC12", "own", "No payments may leave an account of this type", order.own)
		if order.own_currency not in ("", account.currency):
			yield order.problem(
				"AC09", "own_currency", f"The account is in {account.currency}", order.own_currency
			)

	def _partner(self, order: Order) -> Iterator[Problem]:
		if not iban_sound(order.partner):
			yield order.problem("AC03", "partner", "The account is no valid IBAN", order.partner)
			return
		number = number_of(order.partner)
		if order.partner == order.own:
			yield order.problem("AC03", "partner", "Payer and payee are the same account", order.partner)
		elif number is None:
			yield from self._abroad(order)
		elif number.bank not in CODES:
			yield order.problem("RC10", "partner", "No bank has this code", number.bank)
		known = self.state.accounts.get(order.partner)
		if known is not None and known.status == "closed":
			yield order.problem("AC03", "partner", "The account is closed", order.partner)

	@staticmethod
	def _abroad(order: Order) -> Iterator[Problem]:
		if order.currency == "CZK" and order.collection:
			yield order.problem("AC03", "partner", "Collections stay within the country", order.partner)
		if not order.name:
			yield order.problem("RR03", "name", "A payment abroad needs the payee's name")
		sepa = order.currency == "EUR" and order.partner[:2] in SEPA
		if not sepa and not order.country:
			yield order.problem("RR03", "country", "A payment outside SEPA needs the payee's address")
		if not sepa and not order.bic:
			yield order.problem("RC07", "bic", "A payment outside SEPA needs the BIC of the payee's bank")

	def _rest(self, order: Order) -> Iterator[Problem]:
		if order.amount <= 0:
			yield order.problem("AM12", "amount", "The amount must be positive", order.amount)
		if order.currency not in CURRENCIES:
			yield order.problem("AM11", "currency", "KB does not trade this currency", order.currency)
		if order.charges not in CHARGES:
			yield order.problem("BE19", "charges", "Unknown charge bearer", order.charges)
		symbol = order.constant.lstrip("0")
		if len(symbol) > 4 or (self.state.switches.forbidden_symbols and _FORBIDDEN.fullmatch(symbol)):
			yield order.problem(
				"FIELD_INVALID", "constant", "This constant symbol is not allowed", order.constant
			)
		for name in _TEXTS:
			text = getattr(order, name)
			if not _writable(text):
				yield order.problem("RR10", name, "The text has a character that the bank cannot carry", text)

	def _day(self, text: str) -> tuple[str, str]:
		"""Return the day on which a payment is made, and what is wrong with the one that was asked for."""
		if text not in self._days:
			self._days[text] = self._judge(text)
		return self._days[text]

	def _judge(self, text: str) -> tuple[str, str]:
		try:
			day = date.fromisoformat(text)
		except ValueError:
			return text, "This is no date"
		switches, today = self.state.switches, self.state.today
		if day < today:
			return text, "The day is past"
		if day > today + timedelta(days=switches.days_ahead):
			return text, f"The day is more than {switches.days_ahead} days ahead"
		if not days.is_bank_day(day):
			if switches.holiday_dates == "refuse":
				return text, "Banks do not settle on this day"
			return str(days.bank_day(day)), ""
		late = bool(switches.cut_off) and f"{days.local(self.state.now):%H:%M}" >= switches.cut_off
		return (str(days.next_bank_day(day)), "") if day == today and late else (text, "")


def _writable(text: str) -> bool:
	"""Tell whether a text fits into windows-1250 and has no control characters but line ends."""
	try:
		text.encode("windows-1250")
	except UnicodeEncodeError:
		return False
	return all(character >= " " or character == "\n" for character in text)
