"""Handing a batch to the bank: once. What may have arrived is never sent again, by nobody and for no reason.

The order is the whole point:

1. One sender at a time: a lock of the database that dies with its process.
2. What is stored is read back and proved to be what was approved; the message is written, read back and proved likewise.
3. `Sending`, the hash of the message and our identification are committed, and a trace is left outside of the database. From
   here on, whoever finds the row in this state without a sender knows nothing, and says so: `Unknown`.
4. The bank is called, once.
5. What it said is committed: stored, refused for certain, not sent for certain, or `Unknown`. Only the second last leads back.
"""

from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import frappe
from frappe import _

from bank_api.connectors.base import PaymentConnector
from bank_api.connectors.errors import (
	AuthenticationExpired,
	BatchRefused,
	ConfigurationError,
	ConsentRequired,
	InvalidRequest,
	NotFound,
	NotSent,
	OutcomeUnknown,
	ProviderError,
	RateLimited,
	TokenRefused,
	Unsupported,
)
from bank_api.connectors.model import Token
from bank_api.connectors.payments_model import BatchStanding, PaymentProblem, SubmittedBatch
from bank_api.gateway import (
	access,
	clients,
	payment_files,
	payment_journal,
	payment_rows,
	payment_rules,
	payment_states,
	providers,
	refusals,
)
from bank_api.gateway.clock import site_now
from bank_api.gateway.durable import durably, reached, reconnect
from bank_api.gateway.errors import GatewayError, InternalError, NotConfigured, UnknownObject
from bank_api.gateway.locks import exclusive
from bank_api.gateway.payment_errors import of_findings, of_problem, summary
from bank_api.gateway.payment_states import (
	DOCTYPE,
	PARTLY,
	REJECTED,
	SENDING,
	STORED,
	UNKNOWN,
	VALIDATED,
	IllegalStep,
)
from bank_api.gateway.plain import shown
from bank_api.payments import validation
from bank_api.payments.findings import PaymentsError, UnreadableFile

SEND_WITHIN = timedelta(hours=24)
"""What could not be sent for so long is refused: its caller has to look at it again."""
PATIENCE = (1, 5, 15, 30, 60)
"""Minutes to the next attempt, after each one of which it is certain that nothing was sent."""
FIRST_CHECK = timedelta(minutes=1)
NUMBERS_WAIT = 10
_NEVER_ARRIVED = (NotSent, RateLimited, ConfigurationError)
_STALE = (TokenRefused, AuthenticationExpired)
_REFUSED = (BatchRefused, InvalidRequest, ConsentRequired, Unsupported, NotFound)


def connector_of(provider: str) -> PaymentConnector:
	"""The connector of a provider that takes batches of payments.

	Raises:
		NotConfigured: the provider takes none.
	"""
	found: Any = providers.connector(provider)
	if not hasattr(found, "submit"):
		raise NotConfigured(_("This provider takes no payments."))
	return cast("PaymentConnector", found)


def key_of(row: frappe._dict) -> access.ItemKey:
	"""Under whose consent a batch is sent.

	Raises:
		ConsentRequired: the connection is gone.
	"""
	item = frappe.db.get_value(
		"Bank API Item", row.item, ["provider", "end_user", "item_id", "status"], as_dict=True
	)
	if not item or item.status == "Deleted":
		raise ConsentRequired("The connection under which the batch was to be sent is gone.")
	return access.key_of(item)


def reading_key(row: frappe._dict) -> access.ItemKey:
	"""Under whose consent the bank is asked about a batch: the one it was sent under, or what its end user has given since.

	Raises:
		ConsentRequired: there is none.
	"""
	try:
		return key_of(row)
	except ConsentRequired:
		found = frappe.db.sql(
			"""SELECT item.provider, item.end_user, item.item_id FROM `tabBank API Item` item
			JOIN `tabBank API Consent` consent ON consent.item = item.name AND consent.state = 'Active'
			WHERE item.end_user = %s AND item.provider = %s AND item.client = %s AND item.status != 'Deleted'
			ORDER BY item.name DESC LIMIT 1""",
			(row.end_user, row.provider, row.client),
			as_dict=True,
		)
		if not found:
			raise
		return access.key_of(found[0])


def send_all(batch: str) -> None:
	"""Job: send the parts of a batch, one after the other; behind one that is in doubt, `send` leaves the others alone."""
	for part in payment_rows.parts_of(batch):
		send(part)


def send(part: str) -> None:
	"""Send what is sent of a batch, if it is its turn. Commits; never raises because of the bank.

	Args:
		part: name of the Bank API Payment Batch.
	"""
	frappe.db.commit()
	with exclusive(lock(part)) as held:
		frappe.db.commit()  # see what the one before has committed
		if held:
			_send(part)


def lock(part: str) -> str:
	"""The lock that a sender holds from before `Sending` is written until behind the outcome."""
	return f"send:{part}"


def _send(part: str) -> None:
	row = payment_states.get(part)
	if row is None or row.state != VALIDATED or row.part_count or held_back(row):
		return
	try:
		batch = _proved(row)
		connector, token = connector_of(row.provider), access.token(key_of(row))
	except (PaymentsError, ProviderError, GatewayError) as error:
		_not_ready(row, error)
		return
	for last in (False, True):
		try:
			message = _claim(row, batch, connector)
		except IllegalStep:
			frappe.db.rollback()
			return  # somebody has cancelled it meanwhile
		except PaymentsError as error:
			_not_ready(row, error)
			return
		except Exception:
			# A deadlock, a lost connection, a defect: the bank was not called. If the commit went through all the same,
			# the row says Sending, and nobody sends it: the scheduler calls it Unknown.
			frappe.logger("bank_api").error(f"Payment batch {part} was not claimed", exc_info=True)
			reconnect()
			_not_ready(row, InternalError())
			return
		outcome = _begin(row)
		if outcome is None:
			outcome = _call(row, message, connector, token, len(batch))
			if _leads_back(outcome, last):
				payment_journal.undo(row.exchange_id)
		_record(row, outcome, last)
		if last or not isinstance(outcome, _STALE):
			return
		# The bank has refused the token before it looked at the batch; a new attempt begins at the first step.
		try:
			token = access.token(key_of(row), stale=token)
		except (ProviderError, GatewayError) as error:
			_not_ready(row, error)
			return


def held_back(row: frappe._dict, lock: bool = False) -> bool:
	"""Whether another part of the same batch is in doubt: nothing follows it until that is settled.

	Args:
		row: the part.
		lock: read what is committed now; the whole is locked.
	"""
	if not row.parent_batch:
		return False
	found = frappe.db.sql(
		f"""SELECT 1 FROM `tab{DOCTYPE}` WHERE parent_batch = %s AND state IN (%s, %s) AND name != %s
		LIMIT 1 {"LOCK IN SHARE MODE" if lock else ""}""",
		(row.parent_batch, UNKNOWN, SENDING, row.name),
	)
	return bool(found)


def _proved(row: frappe._dict) -> Any:
	"""What is stored of a batch, if it is what was approved, and may still be sent.

	Raises:
		PaymentsError: it is not, or may not.
		GatewayError: who wants or takes it is switched off.
		ConsentRequired: it took too long.
	"""
	if not frappe.db.get_value("Bank API Client", row.client, "enabled"):
		raise NotConfigured(_("The provider or the client is disabled."))
	kind = frappe.db.get_value(providers.DOCTYPE, row.provider, "connector")
	try:
		providers.resolve(clients.context_of(row.client), kind or "", row.provider)
	except UnknownObject:  # switched off, or taken from the client while the batch waited
		raise NotConfigured(_("The provider or the client is disabled.")) from None
	if row.validated_at and row.validated_at < site_now() - SEND_WITHIN:
		raise InvalidRequest("The batch could not be sent in time. Check it, and submit it under a new key.")
	batch = payment_rows.read(row.name, row.digest)
	validation.check(batch, payment_rules.rules(row.provider, row.item))
	return batch


def _claim(row: frappe._dict, batch: Any, connector: PaymentConnector) -> payment_files.Message:
	"""Say that it is being sent, with what; nobody else can from then on. `row.tries` is the number of this attempt.

	Raises:
		IllegalStep: it is not ours to send any more.
		PaymentsError: the message would not say what was approved.
	"""
	numbered = payment_files.WAYS[row.send_as].numbered
	turn = (
		exclusive(payment_files.numbers_lock(row.provider), NUMBERS_WAIT) if numbered else nullcontext(True)
	)
	with turn as held:
		if not held:
			raise IllegalStep("the numbers of the day are being given out")
		frappe.db.commit()
		message = payment_files.message(row, batch, connector)
		current = payment_states.get(row.name, lock=True)
		if current is None or held_back(row, lock=True):  # the whole is locked: no other part begins now
			raise IllegalStep("another part is in doubt")
		row.tries = (current.tries or 0) + 1
		values: dict[str, Any] = {"payload_sha256": message.sha256, "tries": row.tries, "last_error": None}
		if message.numbers:
			values |= {
				"file_day": message.numbers.day,
				"file_first": message.numbers.first,
				"file_count": message.numbers.count,
			}
		reached("claiming")
		payment_states.move(row.name, SENDING, **values)
		frappe.db.commit()  # durable before the bank is called
	reached("claimed")
	return message


def _begin(row: frappe._dict) -> SubmittedBatch | ProviderError | None:
	"""Leave a trace that outlives the database; None if the bank may be called."""
	whole = payment_states.get(row.parent_batch) if row.parent_batch else row
	try:
		payment_journal.begin_key(row.client, (whole or row).idempotency_key or row.name)
		if payment_journal.begin(row.exchange_id):
			return None
	except OSError:
		frappe.logger("bank_api").error("The trace of a payment batch cannot be written", exc_info=True)
		return NotSent(_("The gateway cannot write to its disk; nothing was sent, and it is tried again."))
	frappe.logger("bank_api").error(f"Payment batch {row.name} was sent before: the database was set back")
	return OutcomeUnknown(
		_(
			"The batch was sent before, and the database does not know it: a backup was restored. Look it up at the bank."
		)
	)


def _call(
	row: frappe._dict,
	message: payment_files.Message,
	connector: PaymentConnector,
	token: Token,
	payments: int,
) -> SubmittedBatch | ProviderError:
	"""Call the bank, once. Whatever is not certain is `OutcomeUnknown`, whoever raises what."""
	try:
		answer = connector.submit(
			token,
			message.body,
			message.content_type,
			exchange_id=row.exchange_id,
			mode=row.processing_mode,
			name=row.batch_name or "",
			payments=payments,
			file_format=message.word,
		)
	except (*_NEVER_ARRIVED, *_STALE, *_REFUSED) as error:
		return error
	except ProviderError as error:
		return error if isinstance(error, OutcomeUnknown) else _in_doubt(error)
	except BaseException as error:
		# A defect, a time-out of the worker, somebody who stops it: the bank may have the batch.
		_record(row, _in_doubt(error), True)
		raise
	reached("answered")
	return answer


def _in_doubt(error: BaseException) -> OutcomeUnknown:
	known = error if isinstance(error, ProviderError) else None
	return OutcomeUnknown(
		"It is not certain whether the bank has stored the batch.",
		status=known.status if known else None,
		provider_code=known.provider_code if known else None,
		request_id=known.request_id if known else None,
	)


# --- what came of it


def _record(row: frappe._dict, outcome: SubmittedBatch | ProviderError, last: bool) -> None:
	"""Make durable what came of it. If even that fails, the row stays `Sending`, and becomes `Unknown`."""
	reached("recording")
	durably(lambda: _write(row, outcome, last))
	reached("recorded")
	if isinstance(outcome, ProviderError):
		refusals.note(outcome, provider=row.provider, client=row.client)
		if isinstance(outcome, ConsentRequired) and (last or not isinstance(outcome, _STALE)):
			_doubt(row, outcome)
		frappe.db.commit()


def _write(row: frappe._dict, outcome: SubmittedBatch | ProviderError, last: bool) -> None:
	current = payment_states.get(row.name, lock=True)
	if current is None:
		return
	if current.tries != row.tries:
		# What is known of one attempt says nothing of another: that one has a sender of its own.
		frappe.logger("bank_api").error(f"Payment batch {row.name}: another attempt is under way")
		return
	state, values = _meaning(current, outcome, last)
	if current.state == state:
		return
	if not payment_states.may(current, state):
		# Somebody else has found out first; what is certain stays, and the difference is for people.
		frappe.logger("bank_api").error(f"Payment batch {row.name}: {current.state} does not lead to {state}")
		return
	payment_states.move(row.name, state, **values)
	if isinstance(outcome, BatchRefused):
		_note_problems(row.name, outcome.problems)


def _meaning(
	row: frappe._dict, outcome: SubmittedBatch | ProviderError, last: bool
) -> tuple[str, dict[str, Any]]:
	"""The state that an outcome leads to, and further columns."""
	if isinstance(outcome, SubmittedBatch):
		return _stored(row, outcome)
	error = shown(refusals.explained(outcome))
	if _leads_back(outcome, last):
		again = site_now() if isinstance(outcome, _STALE) else next_try(row, outcome)
		return VALIDATED, {"next_try_at": again, "last_error": error}
	if isinstance(outcome, (*_STALE, *_REFUSED)):
		values: dict[str, Any] = {"last_error": error}
		if isinstance(outcome, BatchRefused):
			values |= {
				"error_summary": summary([of_problem(one) for one in outcome.problems]) or None,
				"rejected_count": row.payment_count - (row.refused_count or 0),
			}
		return REJECTED, values
	return UNKNOWN, {"last_error": error, "next_check_at": site_now() + FIRST_CHECK, "absences": 0}


def _leads_back(outcome: SubmittedBatch | ProviderError, last: bool) -> bool:
	"""Whether it is certain that nothing has arrived, and worth another attempt."""
	return isinstance(outcome, _NEVER_ARRIVED) or (isinstance(outcome, _STALE) and not last)


def _stored(row: frappe._dict, answer: SubmittedBatch) -> tuple[str, dict[str, Any]]:
	values: dict[str, Any] = {
		"provider_batch_id": answer.batch_id,
		"provider_status": answer.status,
		"provider_digest": shown(answer.digest) or None,
		"provider_mode": answer.mode,
		"sign_state": answer.sign_state,
		"rejected_count": answer.rejected,
		"last_error": warning(row, answer),
		"next_check_at": site_now() + FIRST_CHECK,
	}
	if answer.standing is BatchStanding.REJECTED:
		return REJECTED, values | {"last_error": _("The bank has refused every payment of the batch.")}
	return (PARTLY if answer.rejected else STORED), values


def warning(row: frappe._dict, answer: SubmittedBatch) -> str | None:
	"""What a human has to look at before authorising: the bank counts another sum than was sent."""
	if answer.rejected or answer.total_debit is None or answer.total_credit is None:
		return None
	total = answer.total_debit + answer.total_credit
	if not row.total or total == Decimal(row.total):
		return None
	return _(
		"The bank counts {0} in all, and {1} were sent. Compare the batch in the bank's channel before anybody authorises it."
	).format(payment_rows.exact(total), row.total)


def next_try(row: frappe._dict, error: ProviderError | GatewayError) -> Any:
	"""When to try again what was certainly not sent."""
	minutes = PATIENCE[min(row.tries or 0, len(PATIENCE) - 1)]
	wait = timedelta(minutes=minutes)
	if isinstance(error, RateLimited):
		wait = max(timedelta(seconds=min(error.retry_after, 6 * 3600)), timedelta(seconds=5))
	return site_now() + wait


def _note_problems(part: str, problems: tuple[PaymentProblem, ...]) -> None:
	"""Write to each payment what the bank says against it."""
	names = {place.place: place.name for place in payment_rows.places(part)}
	first: dict[str, PaymentProblem] = {}
	for one in problems:
		if one.index is not None and one.index in names:
			first.setdefault(names[one.index], one)
	payment_rows.note([(name, problem_columns(one)) for name, one in first.items()])


def problem_columns(one: PaymentProblem) -> dict[str, Any]:
	"""Columns of a payment that the bank has refused."""
	return {
		"error_code": shown(one.code[:60]) or None,
		"error_field": shown(one.field[:140]) or None,
		"error": shown(_(one.message)),
	}


def _doubt(row: frappe._dict, error: ProviderError) -> None:
	"""The consent may be no use any more: find out, so that its end user is asked."""
	try:
		access.doubt(key_of(row), error)
	except (ProviderError, GatewayError):
		frappe.db.rollback()


def _not_ready(row: frappe._dict, error: Exception) -> None:
	"""Nothing was sent: put it off, or refuse it where waiting does not help. Commits."""
	later = not isinstance(error, (PaymentsError, *_STALE, *_REFUSED))

	def write() -> None:
		current = payment_states.get(row.name, lock=True)
		if current is None or current.state != VALIDATED:
			return
		if later:
			payment_states.set_values(
				row.name,
				next_try_at=next_try(current, cast("Any", error)),
				tries=(current.tries or 0) + 1,
				last_error=shown(refusals.explained(cast("Any", error))),
			)
			return
		payment_states.move(row.name, REJECTED, **_refusal(error))

	durably(write)
	if isinstance(error, UnreadableFile):
		frappe.logger("bank_api").error(
			f"Payment batch {row.name} is not what was approved, and was not sent"
		)
	if isinstance(error, (ProviderError, GatewayError)):
		refusals.note(error, provider=row.provider, client=row.client)
		frappe.db.commit()


def _refusal(error: Exception) -> dict[str, Any]:
	if isinstance(error, PaymentsError):
		sentences = [one["sentence"] for one in of_findings(error.findings)]
		return {"last_error": shown(sentences[0]), "error_summary": shown(summary(sentences))}
	return {"last_error": shown(refusals.explained(cast("Any", error)))}


def recover(part: str) -> bool:
	"""A batch that says it is being sent while nobody sends it: its sender has died, and nobody knows. Commits.

	Returns:
		Whether it was one.
	"""
	frappe.db.commit()
	with exclusive(lock(part)) as held:
		frappe.db.commit()
		row = payment_states.get(part)
		if not held or row is None or row.state != SENDING:
			return False
		durably(lambda: _write(row, _in_doubt(InterruptedError()), True))
		return True
