"""KM/GPC statements: 074, 075, 078, 079, fixed width, windows-1250 (section 5.2)."""

from collections.abc import Sequence
from datetime import date

from bank_api.sandbox.kb.model import Account, Entry
from bank_api.sandbox.kb.numbers import internal, number_of

_SIGN = {True: "-", False: "0"}


def _digits(value: object, length: int) -> str:
	found = "".join(character for character in str(value or "") if character.isdigit())
	return found[-length:].rjust(length, "0")


def _text(value: str, length: int) -> str:
	return value.encode("windows-1250", "replace").decode("windows-1250")[:length].ljust(length)


def _ddmmyy(day: date) -> str:
	return f"{day:%d%m%y}"


def day_of_statement(
	account: Account, day: date, before: date, opening: int, number: int, lines: Sequence[Entry]
) -> bytes:
	"""Write an account's statement of one day.

	Args:
		account: The account.
		day: The day of posting.
		before: The day of the opening balance.
		opening: Balance before, in hundredths.
		number: The statement's number in its year.
		lines: What was booked that day.

	Returns:
		Lines of 128 characters with CRLF.
	"""
	debit = -sum(line.amount for line in lines if line.amount < 0)
	credit = sum(line.amount for line in lines if line.amount > 0)
	closing = opening - debit + credit
	own = number_of(account.iban)
	plain = own.plain if own else "0" * 16
	head = (
		f"074{internal(plain)}{_text(account.name, 20)}{_ddmmyy(before)}"
		f"{_digits(abs(opening), 14)}{_SIGN[opening < 0].replace('0', '+')}"
		f"{_digits(abs(closing), 14)}{_SIGN[closing < 0].replace('0', '+')}"
		f"{_digits(debit, 14)}0{_digits(credit, 14)}0{_digits(number, 3)}{_ddmmyy(day)}{account.iban[:8]}PB    "
	)
	rows = [head]
	for place, line in enumerate(lines, start=1):
		rows += _item(internal(plain), day, place, line)
	return "".join(f"{row}\r\n" for row in rows).encode("windows-1250", "replace")


def _item(own: str, day: date, place: int, line: Entry) -> list[str]:
	party, references = line.data.get("counterParty", {}), line.data.get("references", {})
	other = number_of(party.get("iban", ""))
	symbol = f"00{_digits(party.get('bankCode'), 4)}{_digits(references.get('constant'), 4)}"
	row = (
		f"075{own}{internal(other.plain) if other else '0' * 16}{day:%m%d}000{_digits(place, 6)}"
		f"{_digits(abs(line.amount), 12)}{1 if line.amount < 0 else 2}{_digits(references.get('variable'), 10)}"
		f"{symbol}{_digits(references.get('specific'), 10)}000000{_text(party.get('name', ''), 20)}00000{_ddmmyy(day)}"
	)
	message = references.get("receiver", "").replace("\n", " ")
	parts = [message[begin : begin + 70] for begin in (0, 70) if message[begin : begin + 70]]
	further = [f"{tag}{_text(part, 70)}".ljust(128) for tag, part in zip(("078", "079"), parts, strict=False)]
	return [row, *further]
