"""What speaks against a batch or a file: a stable code, where it is, and a sentence that says what to do."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

MOST_FINDINGS = 1000
"""So many are told at most: a hundred thousand sentences help nobody."""

MESSAGES = {
	# the batch
	"batch_empty": "The batch holds no payment. Add at least one.",
	"batch_too_many": "The batch holds {count} payments and {most} are allowed. Split it.",
	"batch_several_accounts": "The batch pays from several accounts. Make one batch for each account.",
	"batch_several_currencies": "The batch pays in several currencies. Make one batch for each currency.",
	"batch_total_too_large": "The batch pays {total} {currency} in all and {most} are allowed. Split it or have the limit raised.",
	"reference_repeated": "Payment {other} of the batch has the same reference. Give every payment its own.",
	# values as a caller lists them
	"value_missing": "This is missing. Add it.",
	"value_unknown": "There is no such field. Remove it, or correct its name.",
	"value_invalid": "This value cannot be read: {expected} is expected. Correct it.",
	# accounts
	"account_invalid": "This is no valid account number. Compare it with the invoice or the bank's papers.",
	"account_not_czech": "A domestic payment goes to a Czech account. Give one, or make this a SEPA or foreign payment.",
	"account_bank_unknown": "No Czech bank has the code {bank}. Correct it, or ask for a newer list of banks.",
	"account_other_bank": "Payments start from an account at the bank {bank}. Choose such an account.",
	"account_not_yours": "You may not pay from this account. Choose another one or ask for the right at the bank.",
	"account_not_usable": "This account does not take payments at the moment: {reason}. Choose another one.",
	"account_currency": "This account is kept in {currency}. Correct the account's currency.",
	"account_same": "The money would go from an account to itself. Correct one of them.",
	"account_not_sepa": "SEPA does not reach the country {country}. Make this a foreign payment.",
	"account_needs_iban": "Euros within the European Economic Area need an IBAN. Ask the payee for it.",
	# amounts
	"amount_not_positive": "An amount must be more than zero. Correct it.",
	"amount_places": "{currency} has {places} decimal places. Correct the amount.",
	"amount_too_large": "At most {most} can be paid at once. Split the payment or have the limit raised.",
	"currency_unknown": "There is no currency with this code. Use the three letters of ISO 4217.",
	"currency_not_czk": "A domestic payment to another bank is made in CZK. Correct the currency, or make this a SEPA or foreign payment.",
	"currency_not_eur": "A SEPA payment is made in EUR. Correct the currency or make this a foreign payment.",
	# dates
	"date_past": "The day {date} has passed. Choose {next} or later.",
	"date_too_far": "The day {date} is too far ahead. Choose {last} or earlier.",
	"date_closed": "The bank does not work on {date}. Choose {next}.",
	"date_after_cut_off": "The bank takes such payments for the same day until {time}. Choose {next}.",
	"date_created": "The file's day {date} must be between {first} and {last}.",
	# what kind of payment
	"collection_not_allowed": "This would take money from somebody else's account. Collections have to be allowed first.",
	"scheme_operation": "Only a domestic payment can be a collection. Make this a transfer.",
	"scheme_charges": "Only a foreign payment can have its charges paid by one side. Let them be shared.",
	"charges_eea": "Within the European Economic Area charges are shared. Correct it.",
	"scheme_priority": "Only a domestic payment in CZK can be instant. Choose another priority.",
	# parties
	"name_missing": "The payee's name is missing. Add it.",
	"address_missing": "A payment abroad needs the payee's street, town and country. Add them.",
	"address_incomplete": "An address needs at least its town and country. Add them or leave the whole address out.",
	"bank_missing": "A payment abroad needs the bank's BIC, or its name, town and country. Add them.",
	"bic_invalid": "This is no BIC: it has 8 or 11 letters and digits. Correct it.",
	"country_invalid": "A country has two capital letters. Correct it.",
	# symbols, references and texts
	"symbol_invalid": "A symbol has at most {most} digits and nothing else. Correct it.",
	"symbol_refused": "The bank refuses the constant symbol {symbol} in batches. Leave it out or choose another one.",
	"symbol_reserved": "The bank does not take {symbol} as a symbol: it hides the payee's name. Leave it out.",
	"text_too_long": "This text has {length} characters and {most} fit. Shorten it.",
	"text_character": "The character {character} cannot be sent. Replace it.",
	"text_spaces": "This text begins or ends with a space. Remove it.",
	"text_line_start": "No line of 35 characters may begin with - or :, and one does at character {place}. Change the text.",
	"text_symbols": "The text begins like payment symbols and would be read as some. Change its beginning.",
	"reference_slash": "A reference may not begin or end with / nor hold //. Change it.",
	# what a format cannot carry
	"not_carried": "{format} has no place for this. Use another format, or leave it out.",
	"not_carried_value": "{format} cannot say this: {reason} Use another format.",
	"needed": "{format} needs this. Add it.",
	"format_too_many": "{format} takes at most {most} payments. Split the batch.",
	"format_amount": "{format} carries at most {most}. Split it or use another format.",
	# files
	"file_empty": "The file is empty.",
	"file_too_large": "The file has more than {most} bytes. Split it.",
	"file_format": "This is no {format} file.",
	"file_encoding": "This byte is no character of {encoding}. Save the file in {encoding}.",
	"file_record": "Here a {expected} is expected. The file is damaged or of another format.",
	"file_length": "The line has {length} characters instead of {expected}. The file is damaged.",
	"file_field": "This is no {expected}. The file is damaged or the field was filled wrongly.",
	"file_missing": "The {expected} is missing. The file is not complete.",
	"file_sum": "The file says {stated} but its payments come to {found}. The file is damaged.",
	"file_count": "The file says {stated} but holds {found}. The file is damaged.",
	"file_differs": "This is {found} but elsewhere in the file {stated}. The file is damaged.",
	"file_repeated": "This occurs twice in the file. The file is damaged.",
	"file_unsupported": "The file asks for something that is not supported here: {what}.",
	"file_doctype": "The file declares a document type. Remove it: it is never needed and not safe to read.",
	"file_xml": "This is not well-formed XML: {reason}.",
	"file_json": "This is not well-formed JSON: {reason}.",
	"file_digest": "The file's payments are not those that were approved. Do not send it.",
}


@dataclass(frozen=True, slots=True)
class Finding:
	"""Something that speaks against a batch or a file.

	Attributes:
		code: stable, a key of `MESSAGES`.
		field: of `Payment`, such as `partner.name`, or of the format's record.
		payment: which one, counted from 0; None if it is about the whole.
		line: of the file, counted from 1.
		position: in that line, counted from 1.
		values: what was put into the text of `MESSAGES`, for a translation of it.
	"""

	code: str
	field: str = ""
	payment: int | None = None
	line: int | None = None
	position: int | None = None
	values: Mapping[str, str] = dataclasses.field(default_factory=dict)

	@property
	def message(self) -> str:
		"""What it is and what to do, in words."""
		return MESSAGES[self.code].format(**self.values)

	def at(self, payment: int) -> "Finding":
		"""The same about one of the payments."""
		return replace(self, payment=payment)

	def __str__(self) -> str:
		places = (
			("payment", self.payment if self.payment is None else self.payment + 1),
			("line", self.line),
			("position", self.position),
			("field", self.field or None),
		)
		where = ", ".join(f"{name} {value}" for name, value in places if value is not None)
		return f"{where}: {self.message}" if where else self.message


def finding(
	code: str,
	where: str = "",
	*,
	payment: int | None = None,
	line: int | None = None,
	position: int | None = None,
	**values: object,
) -> Finding:
	"""A finding with its values as texts."""
	texts = {name: str(value) for name, value in values.items()}
	return Finding(code, where, payment, line, position, texts)


class PaymentsError(ValueError):
	"""Base of the errors of this package.

	Args:
		findings: why, at least one.
	"""

	def __init__(self, findings: Iterable[Finding]):
		self.findings: Sequence[Finding] = tuple(islice(findings, MOST_FINDINGS))
		super().__init__(str(self.findings[0]))

	def __reduce__(self) -> tuple[type, tuple[Sequence[Finding]]]:
		return type(self), (self.findings,)


class InvalidBatch(PaymentsError):
	"""The batch cannot be sent, or not in this format."""


class UnreadableFile(PaymentsError):
	"""The file is no batch that can be trusted."""
