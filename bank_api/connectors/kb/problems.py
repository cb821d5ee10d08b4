"""KB's error codes as sentences that say what is wrong and what to do (kb_batch.md, 3.3), and where they point to."""

import re
from collections.abc import Mapping
from typing import Any

from bank_api.connectors.errors import InvalidRequest
from bank_api.connectors.payments_model import PaymentProblem

_TABLE: dict[str, tuple[type[InvalidRequest], str]] = {
	"FIELD_MISSING": (InvalidRequest, "A mandatory field is missing: fill it in."),
	"FIELD_INVALID": (InvalidRequest, "The value of the field is not allowed: correct it."),
	"INVALID_HEADER_VALUE": (
		InvalidRequest,
		"A header of the request has a form that the bank does not take.",
	),
	"INVALID_PARAMETER_VALUE": (
		InvalidRequest,
		"A parameter of the request has a value that the bank does not take.",
	),
	"FF01": (InvalidRequest, "The bank cannot read the request or the file: check its format and encoding."),
	"RR10": (InvalidRequest, "The text has a character that the bank cannot carry: replace it."),
	"AC02": (InvalidRequest, "The account to pay from is not valid at KB, or is closed: choose another one."),
	"AC03": (InvalidRequest, "The other account does not exist or is closed: check its number."),
	"AC09": (InvalidRequest, "The currency does not fit the account: use the account's own currency."),
	"AC10": (InvalidRequest, "The currency does not fit the account: use the account's own currency."),
	"AC12": (InvalidRequest, "No payments may leave an account of this kind: choose another one."),
	"AM05": (
		InvalidRequest,
		"The bank says that it has this already: look it up there, and do not hand it over once more.",
	),
	"AM11": (InvalidRequest, "KB does not trade this currency: choose another one."),
	"AM12": (
		InvalidRequest,
		"The amount is not allowed: it must be above zero, with at most two decimal places.",
	),
	"AM02": (
		InvalidRequest,
		"The amount is above the limit for instant payments: send it as a normal payment.",
	),
	"AM04": (
		InvalidRequest,
		"The balance does not suffice: put money on the account, then send the payment again.",
	),
	"AG01": (
		InvalidRequest,
		"The user may not pay from this account: have its owner give the consent, or the right, for it.",
	),
	"BE19": (
		InvalidRequest,
		"This way of sharing the charges is not allowed for the payment: choose another one.",
	),
	"DT01": (InvalidRequest, "The date is not allowed: choose a bank day from today on, within a year."),
	"RR03": (InvalidRequest, "The payee's name or address is missing: a payment abroad needs both."),
	"RF01": (
		InvalidRequest,
		"The identification of the payment is not unique in its batch: number the payments anew.",
	),
	"RC07": (InvalidRequest, "The BIC of the payee's bank is missing or wrong: correct it."),
	"RC10": (InvalidRequest, "No bank has this code: check the account number."),
	"NARR": (
		InvalidRequest,
		"The bank refuses it without a reason that is known: look at the batch in the bank's own channel.",
	),
	"ACC_DIFFERENT": (
		InvalidRequest,
		"All payments of a batch must leave the same account: split the batch by account.",
	),
	"CURR_DIFFERENT": (
		InvalidRequest,
		"All payments of a batch must be in the same currency: split the batch by currency.",
	),
	"TYPE_DIFFERENT": (InvalidRequest, "All payments of a batch must be of the same kind: split the batch."),
	"TOO_MANY_PMTS": (
		InvalidRequest,
		"The batch has more payments than the bank takes: split it, or send a file.",
	),
	"INCORRECT_SIGNID": (
		InvalidRequest,
		"The authorisation is not one of this batch: read its status again.",
	),
	"TRANSACTION_MISSING": (InvalidRequest, "The bank does not know this batch."),
	"ID_NOT_FOUND": (InvalidRequest, "The bank does not know this."),
	"UNSUPPORTED_MEDIA_TYPE": (
		InvalidRequest,
		"The bank does not take this format here: send the batch as JSON.",
	),
	"UNPROCESSABLE_ENTITY": (
		InvalidRequest,
		"The bank cannot do this with the batch as it stands: read its status again.",
	),
	"AB05": (InvalidRequest, "The instant payment timed out at the payee's bank: look up how it ended."),
	"AB07": (
		InvalidRequest,
		"The payee's bank cannot be reached for instant payments: send it as a normal payment.",
	),
	"AB08": (InvalidRequest, "The payee's bank takes no instant payments now: send it as a normal payment."),
	"AG09": (InvalidRequest, "The instant payment never arrived: look up how it ended."),
	"CNOR": (InvalidRequest, "The payee's bank takes no instant payments: send it as a normal payment."),
	"DNOR": (
		InvalidRequest,
		"The payer's bank sends no instant payments from here: send it as a normal payment.",
	),
	"CUST": (InvalidRequest, "The person who had to authorise the batch has refused it."),
	"DS02": (InvalidRequest, "The batch was cancelled before anybody authorised it."),
	"EXPI": (InvalidRequest, "Nobody authorised the batch in time: send it again if it is still wanted."),
	"": (InvalidRequest, "The bank refuses it. Its own channel may tell more."),
}
SENTENCES = {code: sentence for code, (_, sentence) in _TABLE.items()}
OTHER = SENTENCES[""]

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)
# `batchPaymentDataCollectionRequest[3].amount`, `payments[3]`, `json.batch….3.amount`: which payment, and which field.
_INDEXED = re.compile(
	r"(?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*(?:\[(\d{1,6})\]|\.(\d{1,6})(?=\.|\Z))\.?", re.ASCII
)
_PLACE = re.compile(r"[A-Za-z][A-Za-z_.$\[\]0-9 -]{0,99}\Z", re.ASCII)


def sentence_of(code: str) -> str:
	"""What a code means; one that nobody knows gets a sentence that claims nothing."""
	return SENTENCES.get(code.upper(), OTHER)


def problem(error: Mapping[str, Any], index: int | None = None) -> PaymentProblem | None:
	"""One entry of an error list in any of its three shapes; None if it is none.

	The bank's own words are not taken over, and rejected values are not read: they may repeat what was sent.

	Args:
		error: KB's `{code, message, additionalInfo: {parameterName}}`, the Czech standard's `{error, scope}`, or the
			registration's `{errorCode, scope}`.
		index: the payment that the entry stands at, if it stands at one.
	"""
	found = next((error[name] for name in ("code", "error", "errorCode") if error.get(name)), "")
	code = found if isinstance(found, str) and _CODE.match(found) else ""
	extra = error.get("additionalInfo")
	place = extra.get("parameterName") if isinstance(extra, dict) else None
	place = place or error.get("scope")
	if not code and not place and not error.get("message"):
		return None
	named, field = split_place(place if isinstance(place, str) else "")
	return PaymentProblem(code, sentence_of(code), named if index is None else index, field)


def split_place(place: str) -> tuple[int | None, str]:
	"""Which payment of the list a place is about, counted from 0, and the field within it."""
	match = _INDEXED.match(place)
	if match is None:
		return None, place if _PLACE.match(place) else ""
	rest = place[match.end() :]
	return int(match[1] or match[2]), rest if _PLACE.match(rest) else ""
