"""Reading KM/GPC statements: lines 074, 075, 078 and 079 of 128 characters in windows-1250 (kb_batch.md, 5.2)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from bank_api.payments import texts
from bank_api.payments.formats import lines
from bank_api.payments.formats.base import DEFAULT_TRUST, Faults, Trust, bounded
from bank_api.payments.formats.best_record import Field, Record
from bank_api.payments.statements import account_form
from bank_api.payments.statements.model import Entry, Kind, Statement

LENGTH = 128
BANK_CODE = "0100"
_KINDS = {"1": Kind.DEBIT, "2": Kind.CREDIT, "4": Kind.DEBIT_REVERSAL, "5": Kind.CREDIT_REVERSAL}
_UNKNOWN_DAY = "000000"

# 074
_ACCOUNT, _NAME = Field(3, 16), Field(19, 20)
_OLD_DAY, _OLD, _OLD_SIGN = Field(39, 6), Field(45, 14), Field(59, 1)
_NEW, _NEW_SIGN = Field(60, 14), Field(74, 1)
_DEBIT, _DEBIT_SIGN = Field(75, 14), Field(89, 1)
_CREDIT, _CREDIT_SIGN = Field(90, 14), Field(104, 1)
_NUMBER, _DAY, _IBAN = Field(105, 3), Field(108, 6), Field(114, 8)
# 075
_PARTNER, _ENTERED = Field(19, 16), Field(35, 4)
_FILE, _RUNNING = Field(39, 3), Field(42, 6)
_AMOUNT, _KIND = Field(48, 12), Field(60, 1)
_VARIABLE, _CONSTANT, _SPECIFIC = Field(61, 10), Field(71, 10), Field(81, 10)
_VALUED, _TEXT = Field(91, 6), Field(97, 20)
_DATA_KIND, _POSTED = Field(118, 4), Field(122, 6)
# 078 and 079
_MESSAGE = Field(3, 70)


def read(content: bytes, bank_code: str = BANK_CODE, trust: Trust = DEFAULT_TRUST) -> list[Statement]:
	"""The statements of a file, their sums checked.

	Args:
		content: the file.
		bank_code: of the bank that it comes from.
		trust: how much is read, and which banks there are.

	Raises:
		UnreadableFile: with line, position and field of every fault that was found.
	"""
	bounded(content, trust)
	faults = Faults()
	blocks = list(_blocks(_records(content, faults), faults))
	own = _own_form(blocks, bank_code)
	partners = _partners_form(blocks, own)
	statements = [_statement(block, bank_code, own, partners) for block in blocks]
	faults.raise_any()
	return [one for one in statements if one is not None]


def _records(content: bytes, faults: Faults) -> list[Record]:
	found = []
	for number, text in enumerate(lines.decode(content, faults), 1):
		if len(text) > LENGTH:
			faults.stop("file_length", "record", number, LENGTH + 1, length=len(text), expected=LENGTH)
		found.append(Record(text.ljust(LENGTH), number, faults))
	return found


def _blocks(records: list[Record], faults: Faults) -> Iterator[list[Record]]:
	"""Each 074 with what follows it."""
	block: list[Record] = []
	for record in records:
		kind = record.raw(Field(0, 3))
		if kind == "074":
			if block:
				yield block
			block = [record]
		elif kind not in ("075", "078", "079"):
			faults.stop("file_record", "record", record.line, 1, expected="line 074, 075, 078 or 079")
		elif not block:
			faults.stop("file_missing", "record", record.line, 1, expected="line 074 of the statement")
		elif kind in ("078", "079") and len(block) == 1:
			faults.stop(
				"file_missing", "record", record.line, 1, expected="line 075 that the message belongs to"
			)
		else:
			block.append(record)
	yield block


def _own_form(blocks: list[list[Record]], bank_code: str) -> bool | None:
	"""Whether the file's own accounts are in internal form: their checksums say so, or the beginning of the IBAN."""
	found: set[bool] = set()
	for head, *_ in blocks:
		stored, start = head.raw(_ACCOUNT), head.raw(_IBAN)
		if not lines.is_digits(stored):
			continue
		one, other = account_form.readings(stored, bank_code)
		if start.startswith("CZ"):
			one, other = (iban if iban[:8] == start else "" for iban in (one, other))
		if bool(one) != bool(other):
			found.add(bool(other))
	return found.pop() if len(found) == 1 else None


def _partners_form(blocks: list[list[Record]], own: bool | None) -> bool | None:
	"""Whether the partners' accounts are in internal form: what they say themselves, else what the own ones say."""
	numbers = (
		(record.raw(_PARTNER), "0100")
		for block in blocks
		for record in block[1:]
		if record.raw(Field(0, 3)) == "075" and lines.is_digits(record.raw(_PARTNER))
	)
	found = account_form.evidence(numbers)
	if not found:
		return own
	return found.pop() if len(found) == 1 else None


def _statement(
	block: list[Record], bank_code: str, own: bool | None, partners: bool | None
) -> Statement | None:
	head = block[0]
	account = _own_account(head, bank_code, own)
	entries: list[Entry] = []
	for record in block[1:]:
		if record.raw(Field(0, 3)) == "075":
			entry = _entry(record, head, partners)
			entries.append(entry)
		else:
			entries[-1] = replace(entries[-1], message=_joined(entries[-1].message, record))
	statement = Statement(
		account=account or "",
		name=head.text(_NAME),
		number=head.digits("number", _NUMBER),
		opened=_day(head, "old balance date", _OLD_DAY),
		posted=_day(head, "posting date", _DAY),
		old_balance=_signed(head, "old balance", _OLD, _OLD_SIGN),
		new_balance=_signed(head, "new balance", _NEW, _NEW_SIGN),
		debit=_signed(head, "debit turnover", _DEBIT, _DEBIT_SIGN),
		credit=_signed(head, "credit turnover", _CREDIT, _CREDIT_SIGN),
		entries=tuple(entries),
	)
	if any(record.broken for record in block):
		return None
	_check(statement, head)
	return statement


def _own_account(head: Record, bank_code: str, is_internal: bool | None) -> str | None:
	stored, start = head.digits("account", _ACCOUNT), head.raw(_IBAN)
	fits = [one for one in account_form.readings(stored, bank_code) if one]
	if start.startswith("CZ"):
		fits = [one for one in fits if one[:8] == start]
	if len(set(fits)) == 1:
		return fits[0]
	found = account_form.resolve(stored, bank_code, is_internal) if fits else None
	if found is None:
		head.fault("account_invalid", "account", _ACCOUNT)
	return found


def _entry(record: Record, head: Record, is_internal: bool | None) -> Entry:
	if record.raw(_ACCOUNT) != head.raw(_ACCOUNT):
		record.fault(
			"file_differs", "account", _ACCOUNT, found=record.raw(_ACCOUNT), stated=head.raw(_ACCOUNT)
		)
	kind = record.raw(_KIND)
	if kind not in _KINDS:
		record.fault("file_field", "code", _KIND, expected="code 1, 2, 4 or 5")
	stored = record.digits("partner account", _PARTNER)
	constant = record.digits("constant symbol", _CONSTANT)
	bank = constant[2:6]
	posted = _day(record, "posting date", _POSTED)
	valued = posted if record.raw(_VALUED) == _UNKNOWN_DAY else _day(record, "value date", _VALUED)
	# Without its bank a number is no account.
	partner = None if bank == "0000" else account_form.resolve(stored, bank, is_internal)
	return Entry(
		kind=_KINDS.get(kind, Kind.DEBIT),
		amount=record.amount("amount", _AMOUNT),
		partner_account=partner,
		partner_number=stored,
		variable_symbol=record.number("variable symbol", _VARIABLE),
		constant_symbol=constant[6:].lstrip("0"),
		specific_symbol=record.number("specific symbol", _SPECIFIC),
		posted=posted,
		valued=valued,
		text=record.text(_TEXT),
		file_number=record.raw(_FILE),
		payment_number=record.raw(_RUNNING),
		entered=record.raw(_ENTERED),
		data_kind=record.text(_DATA_KIND),
		line=record.line,
	)


def _joined(before: str, record: Record) -> str:
	"""A message with two more lines of 35."""
	more = record.raw(_MESSAGE)
	parts = [more[: texts.LINE].rstrip(" "), more[texts.LINE :].rstrip(" ")]
	return " ".join(part for part in (before, *parts) if part)


def _day(record: Record, name: str, field: Field) -> date:
	found = lines.day(record.raw(field), "DMY")
	if found is None:
		record.fault("file_field", name, field, expected="date DDMMYY")
		return date.min
	return found


def _signed(record: Record, name: str, amount: Field, sign: Field) -> Decimal:
	"""An amount with the sign behind it: a minus, or a plus, a zero or a space for none."""
	mark = record.raw(sign)
	if mark not in "+-0 ":
		record.fault("file_field", f"{name} sign", sign, expected="sign + or -")
	found = record.amount(name, amount)
	return -found if mark == "-" else found


def _check(statement: Statement, head: Record) -> None:
	"""New balance = old balance - debits + credits, and both turnovers are those of the entries (5.2)."""
	expected = statement.old_balance - statement.debit + statement.credit
	if expected != statement.new_balance:
		head.fault("file_sum", "new balance", _NEW, stated=statement.new_balance, found=expected)
	for name, field, stated, plus, minus in (
		("debit turnover", _DEBIT, statement.debit, Kind.DEBIT, Kind.DEBIT_REVERSAL),
		("credit turnover", _CREDIT, statement.credit, Kind.CREDIT, Kind.CREDIT_REVERSAL),
	):
		found = _sum(statement.entries, plus) - _sum(statement.entries, minus)
		if found != stated:
			head.fault("file_sum", name, field, stated=stated, found=found)


def _sum(entries: tuple[Entry, ...], kind: Kind) -> Decimal:
	return sum((entry.amount for entry in entries if entry.kind is kind), Decimal("0.00"))
