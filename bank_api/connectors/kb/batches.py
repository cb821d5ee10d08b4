"""Batches of payments: handed over, looked up, cancelled (kb_batch.md, 3.1, 3.2, 3.4).

No call here is ever made twice. A batch has three outcomes and no other: refused for certain, stored for certain, or
`OutcomeUnknown`; and `NotSent` where it is certain that not one byte has left. Each batch gets a connection of its own:
on a kept one that the bank has just closed, nobody could tell whether it arrived.
"""

import re
import unicodedata
from typing import Any
from urllib.parse import quote

from bank_api.connectors import verbatim
from bank_api.connectors.errors import (
	InvalidRequest,
	MalformedResponse,
	NotSent,
	OutcomeUnknown,
	ProviderError,
	ProviderUnavailable,
	Unsupported,
)
from bank_api.connectors.http import Answer, Call
from bank_api.connectors.kb import batch_answers
from bank_api.connectors.kb.client import BATCHDA, KbClient, filled, split
from bank_api.connectors.kb.faults import reason_of
from bank_api.connectors.kb.names import words
from bank_api.connectors.kb.refusals import About, refusal
from bank_api.connectors.model import Token
from bank_api.connectors.payments_model import BatchStatus, SubmittedBatch

MODES = ("ONLINE", "CONTINUOUS", "BATCH")
FILES = ("km", "best", "sepaxml")

_EXCHANGE = re.compile(r"[\x21-\x7e]{1,14}\Z")
_LONGEST_NAME = 35
# Statuses of the 4xx class that say nothing of whether the request was carried out, or that it may have been before.
_UNCERTAIN = frozenset({408, 409, 425, 499})
_UNKNOWN = (
	"It is not certain whether KB has stored the batch. Look it up there by its name and identification before "
	"anything is sent again."
)
_UNKNOWN_CANCEL = "It is not certain whether KB has cancelled the batch. Read its status."


def submit(
	client: KbClient,
	token: Token,
	body: bytes,
	content_type: str,
	*,
	exchange_id: str,
	mode: str,
	name: str,
	payments: int,
	file_format: str,
) -> SubmittedBatch:
	"""See `PaymentConnector.submit`."""
	wanted = file_format or _format_of(client, content_type)
	if wanted not in ("json", *FILES):
		raise InvalidRequest("The format of a batch is json, km, best or sepaxml.")
	_check(client, body, exchange_id, mode)
	count = payments or (_count(client, body) if wanted == "json" else 0)
	if count < 1:
		raise InvalidRequest("It has to be told how many payments the file has.")
	headers = {client.names.header_exchange: exchange_id, client.names.header_mode: mode}
	if shown := instruction_name(name, client.settings.name_form):
		headers[client.names.header_name] = shown
	path = client.names.path_batches if wanted == "json" else getattr(client.names, f"path_batch_{wanted}")
	answer = _once(client, token, "POST", path, _UNKNOWN, headers=headers, body=body, media=content_type)
	if not 200 <= answer.status < 300:
		raise _certain_or_not(client, answer, _UNKNOWN)
	try:
		return batch_answers.submitted(answer, client.names, exchange_id=exchange_id, payments=count)
	except MalformedResponse as error:
		raise _unknown(_UNKNOWN, answer.status, answer.request_id, why=error.message) from None


def cancel(client: KbClient, token: Token, batch_id: str) -> None:
	"""See `PaymentConnector.cancel_batch`."""
	if not client.names.path_cancel:
		raise Unsupported("KB offers no call to cancel a batch: refuse it in the bank's own channel.")
	answer = _once(
		client,
		token,
		"DELETE",
		client.names.path_cancel,
		_UNKNOWN_CANCEL,
		ids={"batch": batch_id},
		query=client.names.query_cancel,
	)
	if answer.status in (200, 204):
		return
	raise _certain_or_not(client, answer, _UNKNOWN_CANCEL)


def status(client: KbClient, token: Token, batch_id: str) -> BatchStatus:
	"""See `PaymentConnector.batch_status`."""
	text = _read(client, token, client.names.path_status, {"batch": batch_id})
	return batch_answers.of_batch(text, client.names, batch_id)


def detail(client: KbClient, token: Token, batch_id: str) -> BatchStatus:
	"""See `PaymentConnector.batch_detail`."""
	text = _read(client, token, client.names.path_detail, {"batch": batch_id})
	return batch_answers.of_batch(text, client.names, batch_id)


def find(client: KbClient, token: Token, exchange_id: str) -> tuple[BatchStatus, ...]:
	"""See `PaymentConnector.find_batch`."""
	if not client.names.path_find:
		raise Unsupported(
			"KB offers no list of batches: look the batch up in the bank's own channel, by its name and identification."
		)
	if not _EXCHANGE.match(exchange_id):
		raise InvalidRequest(
			"The identification of a batch has 1 to 14 characters, without blanks and accents."
		)
	query = f"{client.names.query_find}={quote(exchange_id, safe='')}"
	text = _read(client, token, client.names.path_find, None, query)
	return batch_answers.found(text, client.names, exchange_id)


def instruction_name(name: str, form: str) -> str:
	"""A batch's name as its header takes it, at most 35 characters (3.1): ASCII without accents is the safe form.

	Args:
		name: what people call it.
		form: `ascii` or `utf-8`; the latter goes out as raw bytes, which one client was seen to send.
	"""
	text = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name))
	if form == "ascii":
		text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
	text = " ".join(text.split())[:_LONGEST_NAME].strip()
	return text.encode().decode("latin-1")


def _format_of(client: KbClient, content_type: str) -> str:
	"""Which format a media type stands for; KM and BEST share one, so BEST has to be named."""
	media = content_type.partition(";")[0].strip().lower()
	if media == "application/json":
		return "json"
	for name in ("km", "sepaxml", "best"):
		if media == getattr(client.names, f"type_{name}").partition(";")[0].strip().lower():
			return name
	raise InvalidRequest("KB takes no batches of this content type.")


def _check(client: KbClient, body: bytes, exchange_id: str, mode: str) -> None:
	if not _EXCHANGE.match(exchange_id):
		raise InvalidRequest(
			"The identification of a batch has 1 to 14 characters, without blanks and accents."
		)
	if mode not in MODES:
		raise InvalidRequest("The mode of a batch is ONLINE, CONTINUOUS or BATCH.")
	if not isinstance(body, bytes) or not 0 < len(body) <= client.settings.most_bytes:
		raise InvalidRequest("The batch is empty, or larger than allowed.")


def _count(client: KbClient, body: bytes) -> int:
	try:
		listed = verbatim.parse_object(verbatim.decode(body)).get(client.names.field_batch)
	except MalformedResponse:
		listed = None
	if not isinstance(listed, list):
		raise InvalidRequest("The batch is not the JSON that KB takes.")
	if not 1 <= len(listed) <= client.settings.most_payments:
		raise InvalidRequest("The batch has more payments than KB takes, or none: split it.")
	return len(listed)


def _once(
	client: KbClient,
	token: Token,
	method: str,
	path: str,
	unknown: str,
	*,
	ids: dict[str, str] | None = None,
	query: str = "",
	headers: dict[str, str] | None = None,
	body: bytes | None = None,
	media: str = "application/json",
) -> Answer:
	"""One call on a connection of its own, made once; its answer, or a failure whose outcome is told apart."""
	origin, base = split(client.settings.batch_url)
	target = base + filled(path, ids)
	client.slots()
	http = client.new_http(origin, timeout=client.settings.batch_timeout)
	try:
		return http.send(
			Call(
				method=method,
				path=target,
				template=base + path,
				query=query,
				headers={**client.headers(BATCHDA, token), **(headers or {}), "Connection": "close"},
				body=body,
				content_type=media,
				sign=client.correlated,
				idempotent=False,
			)
		)
	except ProviderError as error:
		if not error.nothing_sent:
			raise _unknown(unknown, error.status, error.request_id, why=error.message) from None
		if isinstance(error, ProviderUnavailable):
			raise NotSent(
				"KB cannot be reached; nothing was sent, and it may be tried again.",
				request_id=error.request_id,
			) from None
		raise
	finally:
		http.close()


def _certain_or_not(client: KbClient, answer: Answer, unknown: str) -> ProviderError:
	"""The refusal of a call that must not be made twice, if it is certain that it is one."""
	reason = reason_of(answer)
	known = words(client.names.codes_duplicate)
	duplicate = any(one.code.upper() in known for one in reason.problems)
	certain = 400 <= answer.status < 500 and answer.status not in _UNCERTAIN and reason.readable
	if not certain or duplicate:
		# "Already received", of the batch or of a payment, may well be our own call, passed on twice by something on the way.
		return _unknown(unknown, answer.status, answer.request_id, code=reason.code)
	return refusal(answer, About.BATCH, client.names, throttled_for=client.settings.throttle_seconds)


def _unknown(
	message: str, status: int | None, request_id: str | None, *, code: str = "", why: str = ""
) -> OutcomeUnknown:
	return OutcomeUnknown(
		f"{message} {why}".strip(), status=status, provider_code=code or None, request_id=request_id
	)


def _read(client: KbClient, token: Token, path: str, ids: Any, query: str = "") -> str:
	"""A look-up, asked once: whoever needs it asks again later."""
	origin, base = split(client.settings.batch_url)
	target = base + filled(path, ids)
	client.slots()
	http = client.new_http(origin)
	try:
		answer = http.send(
			Call(
				method="GET",
				path=target,
				template=base + path,
				query=query,
				headers=client.headers(BATCHDA, token),
				sign=client.correlated,
				idempotent=False,
			)
		)
	finally:
		http.close()
	if not 200 <= answer.status < 300:
		raise refusal(answer, About.BATCH, client.names, throttled_for=client.settings.throttle_seconds)
	return answer.text()
