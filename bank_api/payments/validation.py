"""Everything that is checked before a batch is sent: whole or not at all, unless the caller asks for the good part.

Sources: the seed's list (kb_batch.md, 1, F2), kb_batch.md 3.3 (what banks refuse), 5.0, 5.1, 5.3.
"""

from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from bank_api.payments import accounts, soundness
from bank_api.payments.bank_codes import CODES
from bank_api.payments.bank_days import BankDays, CutOffs, Moment, local
from bank_api.payments.findings import MOST_FINDINGS, Finding, InvalidBatch, finding
from bank_api.payments.model import Batch, Envelope, Operation, Payment, Scheme

MOST_PAYMENTS = 100_000
HORIZON = timedelta(days=364)
CREATED_BEFORE = timedelta(days=31)


def refused_by_kb(constant_symbol: str) -> bool:
	"""Whether KB refuses a constant symbol in batches: ???5, ??51, 0006 and 0007 (kb_batch.md, 5.0)."""
	if not constant_symbol:
		return False
	digits = constant_symbol.zfill(4)
	return digits.endswith(("5", "51")) or digits in ("0006", "0007")


@dataclass(frozen=True, slots=True)
class OwnAccount:
	"""An account that may be paid from.

	Attributes:
		currency: in which it is kept; empty if that is not known.
		blocked: why it cannot be paid from at the moment; empty if it can.
	"""

	currency: str = ""
	blocked: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
	"""What holds for this customer at this bank today.

	Attributes:
		moment: the bank's day and time.
		bank_code: where the own accounts have to be; empty for any bank.
		own_accounts: those that may be paid from, by IBAN; None if that is not to be judged.
		bank_codes: the Czech banks there are.
		days: the bank's calendar.
		cut_offs: until when it takes payments for the same day; None if it may move them to the next.
		largest: what one payment may be at most, by currency.
		largest_total: what all payments of a currency may be together.
		most_payments: how many a batch may hold.
		one_account: whether all payments have to be from one account.
		collections: whether money may be taken from others' accounts.
		refuses_constant_symbol: which constant symbols the bank refuses.
		reserved_specific_symbols: numbers that are orders to the bank, not symbols.
	"""

	moment: Moment
	bank_code: str = "0100"
	own_accounts: Mapping[str, OwnAccount] | None = None
	bank_codes: Container[str] = CODES
	days: BankDays = field(default_factory=BankDays)
	cut_offs: CutOffs | None = field(default_factory=CutOffs)
	largest: Mapping[str, Decimal] = field(default_factory=dict)
	largest_total: Mapping[str, Decimal] = field(default_factory=dict)
	most_payments: int = MOST_PAYMENTS
	one_account: bool = False
	collections: bool = False
	refuses_constant_symbol: Callable[[str], bool] = refused_by_kb
	reserved_specific_symbols: Collection[str] = ("9999999999",)


def validate(batch: Batch, rules: Rules, most: int = MOST_FINDINGS) -> list[Finding]:
	"""Everything that speaks against a batch, at most so many findings; empty if it can be sent."""
	found = [*_of_batch(batch, rules), *soundness.findings(batch, most)]
	for index, payment in enumerate(batch.payments):
		if len(found) >= most:
			break
		found.extend(one.at(index) for one in _of_payment(payment, rules))
	found.sort(key=lambda one: -1 if one.payment is None else one.payment)
	return found[:most]


def validate_envelope(envelope: Envelope, rules: Rules) -> list[Finding]:
	"""What speaks against a file's label: its day may be 31 days past and 364 ahead (kb_batch.md, 5.1 and 5.3)."""
	if envelope.created is None:
		return []
	day, today = local(envelope.created).date(), rules.moment.today
	first, last = today - CREATED_BEFORE, today + HORIZON
	if first <= day <= last:
		return []
	return [finding("date_created", "envelope.created", date=day, first=first, last=last)]


def check(batch: Batch, rules: Rules) -> None:
	"""Refuse a batch that cannot be sent whole.

	Raises:
		InvalidBatch: with every reason.
	"""
	if found := validate(batch, rules):
		raise InvalidBatch(found)


def check_one_currency(batch: Batch) -> None:
	"""Refuse a batch of which no total can be given.

	Raises:
		InvalidBatch: it pays in several currencies.
	"""
	if len({payment.currency for payment in batch.payments}) > 1:
		raise InvalidBatch([finding("batch_several_currencies", "currency")])


def good_part(batch: Batch, rules: Rules) -> tuple[Batch, tuple[int, ...], list[Finding]]:
	"""The payments that can be sent, for a caller who wants that instead of the whole or nothing.

	Returns:
		A batch of them, where they stood, and what speaks against the others.

	Raises:
		InvalidBatch: none can be sent, or what speaks against the batch is not a single payment's fault.
	"""
	refused: list[Finding] = []
	kept: list[int] = []
	for index, payment in enumerate(batch.payments):
		against = [*soundness.of_payment(payment), *_of_payment(payment, rules)]
		refused.extend(one.at(index) for one in against[: max(0, MOST_FINDINGS - len(refused))])
		if not against:
			kept.append(index)
	part = Batch(tuple(batch.payments[index] for index in kept))
	if not kept:
		raise InvalidBatch(refused or [finding("batch_empty")])
	check(part, rules)
	return part, tuple(kept), refused


def _of_batch(batch: Batch, rules: Rules) -> Iterator[Finding]:
	if len(batch) > rules.most_payments:
		yield finding("batch_too_many", count=len(batch), most=rules.most_payments)
	if rules.one_account and len({payment.account for payment in batch.payments}) > 1:
		yield finding("batch_several_accounts", "account")
	yield from _totals(batch, rules)
	seen: dict[str, int] = {}
	for index, payment in enumerate(batch.payments):
		if payment.reference and (other := seen.setdefault(payment.reference, index)) != index:
			yield finding("reference_repeated", "reference", payment=index, other=other + 1)


def _totals(batch: Batch, rules: Rules) -> Iterator[Finding]:
	if not rules.largest_total or not all(payment.amount.is_finite() for payment in batch.payments):
		return
	for currency, total in batch.totals().items():
		most = rules.largest_total.get(currency)
		if most is not None and total > most:
			yield finding("batch_total_too_large", "amount", total=total, currency=currency, most=most)


def _of_payment(payment: Payment, rules: Rules) -> Iterator[Finding]:
	yield from _own_account(payment, rules)
	if payment.scheme is Scheme.DOMESTIC and accounts.is_czech_iban(payment.partner_account):
		if not accounts.known_bank(payment.partner_account, rules.bank_codes):
			yield finding("account_bank_unknown", "partner_account", bank=payment.partner_account[4:8])
	if payment.operation is Operation.COLLECTION and not rules.collections:
		yield finding("collection_not_allowed", "operation")
	most = rules.largest.get(payment.currency)
	if most is not None and payment.amount.is_finite() and payment.amount > most:
		yield finding("amount_too_large", "amount", most=most)
	if rules.refuses_constant_symbol(payment.constant_symbol):
		yield finding("symbol_refused", "constant_symbol", symbol=payment.constant_symbol.zfill(4))
	if payment.specific_symbol in rules.reserved_specific_symbols:
		yield finding("symbol_reserved", "specific_symbol", symbol=payment.specific_symbol)
	yield from _date(payment, rules)


def _own_account(payment: Payment, rules: Rules) -> Iterator[Finding]:
	if rules.bank_code and payment.account[4:8] != rules.bank_code:
		yield finding("account_other_bank", "account", bank=rules.bank_code)
	elif rules.own_accounts is not None:
		known = rules.own_accounts.get(payment.account)
		if known is None:
			yield finding("account_not_yours", "account")
		elif known.blocked:
			yield finding("account_not_usable", "account", reason=known.blocked)
		elif known.currency and known.currency != (payment.own_currency or payment.currency):
			yield finding("account_currency", "own_currency", currency=known.currency)


def _date(payment: Payment, rules: Rules) -> Iterator[Finding]:
	today, clock = rules.moment.today, rules.moment.clock
	due, next_day = payment.due, rules.days.next
	if due < today:
		yield finding("date_past", "due", date=due, next=next_day(today))
	elif due > today + HORIZON:
		yield finding("date_too_far", "due", date=due, last=today + HORIZON)
	elif not rules.days.works(due):
		yield finding("date_closed", "due", date=due, next=next_day(due))
	elif due == today and clock is not None and rules.cut_offs is not None:
		until = rules.cut_offs.of(payment)
		if until is not None and clock > until:
			after = next_day(today + timedelta(days=1))
			yield finding("date_after_cut_off", "due", time=until.strftime("%H:%M"), next=after)
