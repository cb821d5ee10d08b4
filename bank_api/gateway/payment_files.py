"""A batch as the bytes that go to the bank, or to somebody who downloads it, each time proved to be what was approved."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.base import PaymentConnector
from bank_api.gateway import payment_rows, payment_rules
from bank_api.gateway.clock import utc_now
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.payment_states import DOCTYPE
from bank_api.payments import formats, texts
from bank_api.payments.bank_days import Moment
from bank_api.payments.formats import Abo, BestDomestic, BestForeign, Format, KbJson, Trust
from bank_api.payments.model import OMISSIBLE, Batch, Envelope

JSON = "kb_json"


@dataclass(frozen=True, slots=True)
class Way:
	"""How a format is handed over.

	Attributes:
		word: `PaymentConnector.submit`'s name of it.
		most: payments in one message; None for as many as the provider takes in JSON.
		numbered: whether each file, or each record, takes a number that serves once a day.
	"""

	word: str
	most: int | None
	numbered: bool = False


WAYS = {
	JSON: Way("json", None),
	"abo": Way("km", 90_000, numbered=True),
	"best_domestic": Way("best", 40_000, numbered=True),
	"best_foreign": Way("best", 8_000, numbered=True),
	"pain001_03": Way("sepaxml", 20_000),
	"pain001_09": Way("sepaxml", 20_000),
}
"""The largest messages keep below 16 MB, which is what a connector sends by default."""


@dataclass(frozen=True, slots=True)
class Numbers:
	"""What a file uses up of the numbers of a day.

	Attributes:
		day: on the bank's calendar.
		first: number of the first file or record.
		count: how many.
	"""

	day: date
	first: int
	count: int


@dataclass(frozen=True, slots=True)
class Message:
	"""What is sent.

	Attributes:
		body: the very bytes.
		content_type: what they are.
		word: `PaymentConnector.submit`'s name of the format.
		sha256: of the body, in hexadecimal.
		numbers: what it uses up; None if nothing.
	"""

	body: bytes
	content_type: str
	word: str
	sha256: str
	numbers: Numbers | None


def key(name: str | None) -> str:
	"""The key of a format by the name that a call gives it; KB's JSON if it gives none.

	Raises:
		BadArgument: there is no such format.
	"""
	plain = (name or JSON).strip().lower()
	plain = {"json": JSON, "km": "abo", "sepa": "pain001_03", "pain001": "pain001_03"}.get(plain, plain)
	if plain not in formats.FORMATS:
		raise BadArgument(
			_("The argument {0} must be one of: {1}.").format("format", ", ".join(formats.FORMATS))
		)
	return plain


def writer(
	name: str, *, connector: PaymentConnector | None = None, provider: str = "", first: int = 1
) -> Format:
	"""The writer and reader of a format for one provider.

	Args:
		name: key of the format.
		connector: of the provider, if the message goes there; without it any number of payments fits.
		provider: name of the Bank API Provider.
		first: first number of the file.
	"""
	bank = payment_rules.bank_code(provider) if provider else payment_rules.DEFAULT_BANK
	if name == JSON:
		most = connector.most_payments if connector else 10**9
		member = getattr(connector, "identification_member", "") or KbJson().identification
		return KbJson(member, most)
	if name == "abo":
		return Abo(bank, first)
	if name == "best_domestic":
		return BestDomestic(bank, first)
	if name == "best_foreign":
		return BestForeign(bank, first)
	return formats.FORMATS[name]


def most(name: str, connector: PaymentConnector) -> int:
	"""How many payments go into one message."""
	return WAYS[name].most or connector.most_payments


def message(row: frappe._dict, batch: Batch, connector: PaymentConnector) -> Message:
	"""What is sent of a part. It is read back before anyone gets it: it says what was approved, to the last letter.

	The caller holds the lock of the provider's numbers until the row says which ones are used (`numbers_lock`).

	Args:
		row: the Bank API Payment Batch that is sent.
		batch: its payments, from `payment_rows.read`.
		connector: of the provider.

	Raises:
		InvalidBatch: the format cannot carry it.
		UnreadableFile: what was written is not what was approved. Nothing of it may be sent.
	"""
	way, envelope = WAYS[row.send_as], envelope_of(row)
	numbers = None
	if way.numbered:
		day = Moment.of(utc_now()).today
		draft = formats.write(writer(row.send_as, provider=row.provider), batch, envelope)
		numbers = Numbers(day, _next_number(row.provider, way.word, day), _used(row.send_as, draft, batch))
	form = writer(
		row.send_as, connector=connector, provider=row.provider, first=numbers.first if numbers else 1
	)
	body = formats.write(form, batch, envelope)
	trust = Trust(digest=row.digest, collections=payment_rules.collections(row.provider))
	form.read(body, trust)
	return Message(body, form.media_type, way.word, hashlib.sha256(body).hexdigest(), numbers)


def numbers_lock(provider: str) -> str:
	"""The lock under which numbers of files are given out."""
	return f"payfiles:{hashlib.sha256(provider.encode()).hexdigest()[:24]}"


def _used(name: str, body: bytes, batch: Batch) -> int:
	return body.count(b"\r\n1 15") if name == "abo" else len(batch)


def _next_number(provider: str, word: str, day: date) -> int:
	names = [name for name, way in WAYS.items() if way.word == word]
	rows = frappe.db.sql(
		f"""SELECT MAX(file_first + file_count) FROM `tab{DOCTYPE}`
		WHERE provider = %s AND file_day = %s AND send_as IN %s""",
		(provider, day, names),
	)
	return int(rows[0][0] or 1)


def envelope_of(row: frappe._dict) -> Envelope:
	"""What labels a file: our identification, which is unique for good, and its name."""
	reference = row.exchange_id or row.name[:14].upper()
	name = texts.fold(row.batch_name or "").encode("ascii", "ignore").decode()
	return Envelope(reference=reference, name=name[:35].strip())


def omitted(names: Sequence[str]) -> tuple[str, ...]:
	"""Fields that a caller agrees to lose.

	Raises:
		BadArgument: one of them may never be left out.
	"""
	if unknown := set(names) - OMISSIBLE:
		raise BadArgument(
			_("{0} cannot be left out of a file. These can: {1}.").format(
				", ".join(sorted(unknown)), ", ".join(sorted(OMISSIBLE))
			)
		)
	return tuple(dict.fromkeys(names))


def download(
	row: frappe._dict, name: str, leave_out: Sequence[str]
) -> tuple[Iterator[bytes], dict[str, Any]]:
	"""A client's batch as a file, in pieces.

	Args:
		row: the whole batch.
		name: key of the format.
		leave_out: fields that the caller agrees to lose.

	Returns:
		The pieces, and the file's `name`, `media_type` and `digest` of its payments.

	Raises:
		InvalidBatch: the format cannot carry it.
		UnreadableFile: what is stored is not what was approved.
	"""
	# Not in memory: a batch may be large, and several may be asked for at once.
	kept = payment_rows.spool_whole(row.name, row.digest, leave_out)
	form, envelope = writer(name, provider=row.provider), envelope_of(row)
	pieces = form.chunks(kept.batch, envelope)
	first = next(pieces)  # refuses here what it cannot carry, while an error can still be told
	facts = {
		"name": f"{envelope.reference}{form.suffix}",
		"media_type": form.media_type,
		"digest": kept.digest,
	}
	return _with_first(first, pieces), facts


def _with_first(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
	yield first
	yield from rest
