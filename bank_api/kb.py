"""The public API for KB: `/api/method/bank_api.kb.<function>`.

Called with `Authorization: token <key>:<secret>`, in the manner of `bank_api.bridge` and `bank_api.migdal`. A consent is one
item: its `item_id` is the consent's id. Payments go to the bank in batches, which a human authorises in the bank's own channel.

**A batch is sent at most once.** Each one has an `idempotency_key`, chosen by the caller and unique for good: however often a
call is repeated, one key is one batch. What is `unknown` is settled by the bank's word or by a human, never by sending again.
The same payments under another key are refused (`PaymentsRepeated`) unless the caller says `allow_repeated`.

An identifier of another client is answered exactly as one that does not exist. Methods that change something commit
themselves; those that hand over or cancel payments are called by POST only.
"""

import frappe
from werkzeug.wrappers import Response

from bank_api.connectors.model import Secret
from bank_api.gateway import (
	arguments,
	connect,
	consent_data,
	consents,
	end_users,
	item_calls,
	items,
	payment_arguments,
	payment_data,
	payment_status,
	payments,
	providers,
	reading,
)
from bank_api.gateway.api import endpoint, long_arguments, verbatim
from bank_api.gateway.payment_download import stream

CONNECTOR = "kb"
METHODS = ["GET", "POST"]
CONSENT_DAYS = 365
LONGEST = payment_arguments.LONGEST


# --- consents and accounts


@frappe.whitelist(methods=METHODS)
@endpoint
def get_kb_consent_link(
	base_url: str | None = None,
	redirect_url: str | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	user: str | int | None = None,
	webhook_url: str | None = None,
	provider: str | None = None,
) -> dict:
	"""The bank's page on which a user lets us read accounts and hand over batches, for 12 months.

	Args:
		base_url: address of the calling site; one of the client's registered origins.
		redirect_url: where the browser goes afterwards, absolute or relative to `base_url`; within the client's origins.
		item_id: a connection that exists: the new consent takes its place.
		site, user, webhook_url, provider: as in `bank_api.bridge.get_bridge_connect_link`.

	Returns:
		`link` (also as `redirect_url`), `request`, `consent` and `expires_at`.
	"""
	client = arguments.caller(site)
	addresses = arguments.addresses(client, base_url, redirect_url, webhook_url)
	if item_id not in (None, ""):
		item = items.find(client, item_id, arguments.text(user), provider)
		consent_data.find(client, None, None, item_id, arguments.text(user), provider, CONNECTOR)
		name, end_user, replaces = item.provider, item.end_user, item.name
	else:
		name, replaces = providers.resolve(client, CONNECTOR, provider), None
		end_user = end_users.ensure(client.name, name, end_users.user_key(client, arguments.text(user)))
	terms = consents.Terms("", (), arguments.last_day(None, CONSENT_DAYS), 0, True)
	return consents.start(client, name, end_user, terms, addresses, psu_id=Secret(""), replaces=replaces)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_kb_item_id(
	request: str, site: str | None = None, user: str | int | None = None, provider: str | None = None
) -> dict:
	"""What became of a link: the item's id, once there is one; answer as `bank_api.migdal.get_migdal_item_id`."""
	client = arguments.caller(site)
	if provider:
		providers.resolve(client, CONNECTOR, provider)
	return connect.status(client, request, user=arguments.text(user), provider=provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_kb_consent_status(
	consent: str | None = None,
	request: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""How a consent stands and when it ends; answer as `bank_api.migdal.get_migdal_consent_status`."""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, request, item_id, arguments.text(user), provider, CONNECTOR)
	return consents.status(row)


@frappe.whitelist(methods=[*METHODS, "DELETE"])
@endpoint
def delete_kb_consent(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""End a consent here; accounts and transactions are deleted. Batches and what became of them are kept.

	Returns:
		`consent`, `item_id` and `status` (`Deleted`).
	"""
	client = arguments.caller(site)
	row = consent_data.find(client, consent, None, item_id, arguments.text(user), provider, CONNECTOR)
	return consents.delete(row.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def post_item_refresh(
	item_id: str | int, user: str | int | None = None, site: str | None = None, provider: str | None = None
) -> dict:
	"""Bring the copy here up to date with what the bank has; answer as `bank_api.bridge.post_item_refresh`."""
	item = items.find(arguments.caller(site), item_id, arguments.text(user), provider)
	return item_calls.refresh(item.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_accounts(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The bank's resources of accounts, field for field as received; as `bank_api.bridge.get_bank_accounts`."""
	return reading.accounts(
		arguments.caller(site),
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		provider=provider,
		connector=CONNECTOR,
		kinds=(),
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_account_balances(
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The bank's balances of an account, field for field as last received."""
	client = arguments.caller(site)
	return reading.balances(client, account_id, item_id, arguments.text(user), provider, kinds=())


@frappe.whitelist(methods=METHODS)
@endpoint
def get_single_account(
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The bank's resource of one account, field for field as last received."""
	client = arguments.caller(site)
	found = reading.account(client, account_id, item_id, arguments.text(user), provider, kinds=())
	return verbatim(found.payload)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_transactions_by_account(
	account_id: str | int,
	user: str | int | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	item_id: str | int | None = None,
	provider: str | None = None,
) -> Response:
	"""The bank's transactions of one account; as `bank_api.bridge.get_bank_transactions_by_account`."""
	return _transactions(account_id, item_id, user, since, limit, cursor, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_transactions(
	since: str | None = None,
	lang: str | None = None,
	user: str | int | None = None,
	item_id: str | int | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The bank's transactions, field for field as received; as `bank_api.bridge.get_bank_transactions`."""
	return _transactions(None, item_id, user, since, limit, cursor, site, provider)


def _transactions(
	account_id: str | int | None,
	item_id: str | int | None,
	user: str | int | None,
	since: str | None,
	limit: str | int | None,
	cursor: str | None,
	site: str | None,
	provider: str | None,
) -> Response:
	return reading.transactions(
		arguments.caller(site),
		account_id=account_id,
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		limit=limit,
		cursor=cursor,
		provider=provider,
		connector=CONNECTOR,
	)


# --- batches of payments


@frappe.whitelist(methods=["POST"])
@endpoint
@long_arguments(payments=LONGEST, file=LONGEST)
def submit_payment_batch(
	idempotency_key: str | None = None,
	payments: list | str | None = None,
	file: str | None = None,
	file_encoding: str | None = None,
	file_format: str | None = None,
	name: str | None = None,
	account: str | None = None,
	execution_date: str | None = None,
	payer_name: str | None = None,
	send_as: str | None = None,
	processing_mode: str | None = None,
	leave_out: list | str | None = None,
	accept_partly: bool | str | int | None = None,
	allow_repeated: bool | str | int | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Check a batch, keep it, and hand it over to the bank. Nothing is executed before a human authorises it there.

	Args:
		idempotency_key: the caller's own name of the batch, unique for good. Called again with the same arguments, the batch
			that it has made is described; with other ones, the call is refused (`KeyInUse`).
		payments: a list; see docs/kb.md for the fields. An amount is a JSON number or a text.
		file: instead of it, a file in base64.
		file_encoding: `utf-8` or `windows-1250` if `file` is plain text.
		file_format: `kb_json`, `abo`, `best_domestic`, `best_foreign`, `pain001_03` or `pain001_09`; found out if missing.
		name: what people call the batch; it is shown where it is authorised.
		account: the own account, for payments that name none.
		execution_date: the day (`yyyy-mm-dd`), for payments that name none; the next possible one if missing.
		payer_name: the payer's name, which SEPA files need.
		send_as: the format in which the bank gets it; `kb_json` if missing, in as many messages as it takes.
		processing_mode: `ONLINE`, `CONTINUOUS` or `BATCH`; the bank may choose another one.
		leave_out: fields that may be lost because the format has no place for them.
		accept_partly: whether good payments are taken where others are not; without it a batch is taken whole or refused.
		allow_repeated: whether the same payments may be taken again under another key.
		item_id, user, site, provider: whose consent; needed only where several could be meant.

	Returns:
		As `get_payment_batch_status`, with `repeated`: whether the key was known.

	Raises:
		InvalidPayments: `errors` names every payment and field. Nothing is kept, and the key is free.
		PaymentsRepeated: an earlier batch pays the same, and is not refused, cancelled or expired. Nothing is kept.
	"""
	client = arguments.caller(site)
	asked = payment_arguments.asked(
		idempotency_key=idempotency_key,
		payments=payments,
		file=file,
		file_encoding=file_encoding,
		file_format=file_format,
		name=name,
		account=account,
		execution_date=execution_date,
		payer_name=payer_name,
		send_as=send_as,
		processing_mode=processing_mode,
		leave_out=leave_out,
		accept_partly=accept_partly,
		allow_repeated=allow_repeated,
	)
	return _submit(client, asked, item_id, arguments.text(user), provider)


def _submit(
	client: payments.ClientContext,
	asked: payments.Asked,
	item_id: str | int | None,
	user: str | None,
	provider: str | None,
) -> dict:
	mark = payments.fingerprint(asked, item_id=item_id, provider=provider, user=user)
	row, fresh = payments.submit(client, _source(asked, item_id, user, provider), asked, mark)
	return payment_data.status(row) | {"repeated": not fresh}


def _source(asked: payments.Asked, item_id: str | int | None, user: str | None, provider: str | None) -> dict:
	return {
		"connector": CONNECTOR,
		"provider": provider,
		"item_id": item_id,
		"user": user,
		"account": asked.account,
	}


@frappe.whitelist(methods=["POST"])
@endpoint
@long_arguments(payments=LONGEST, file=LONGEST)
def validate_payment_batch(
	payments: list | str | None = None,
	file: str | None = None,
	file_encoding: str | None = None,
	file_format: str | None = None,
	name: str | None = None,
	account: str | None = None,
	execution_date: str | None = None,
	payer_name: str | None = None,
	send_as: str | None = None,
	processing_mode: str | None = None,
	leave_out: list | str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Check a batch as `submit_payment_batch` would, and keep and send nothing; arguments as there.

	Returns:
		`valid`, `errors` (`index` from 0, `field`, `code`, `message`, `sentence`), and of a valid batch `payments`,
		`total`, `currency`, `digest` and `repeats` (`batch` and `idempotency_key` of an earlier one that pays the same; None
		if there is none).
	"""
	client = arguments.caller(site)
	asked = payment_arguments.asked(
		idempotency_key="validation",
		payments=payments,
		file=file,
		file_encoding=file_encoding,
		file_format=file_format,
		name=name,
		account=account,
		execution_date=execution_date,
		payer_name=payer_name,
		send_as=send_as,
		processing_mode=processing_mode,
		leave_out=leave_out,
		accept_partly=False,
	)
	return _validate(client, asked, item_id, arguments.text(user), provider)


def _validate(
	client: payments.ClientContext,
	asked: payments.Asked,
	item_id: str | int | None,
	user: str | None,
	provider: str | None,
) -> dict:
	return payments.validate(client, _source(asked, item_id, user, provider), asked)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_payment_batch_status(
	batch: str | None = None,
	idempotency_key: str | None = None,
	refresh: bool | str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""How a batch stands.

	Args:
		batch: our id of it.
		idempotency_key: the caller's own.
		refresh: ask the bank now; without it, what it said last. After 20 seconds no further part is asked about;
			those come first that were asked about longest ago (`checked_at`).

	Returns:
		`batch`, `idempotency_key`, `state` (`validated`, `sending`, `stored`, `partly_accepted`, `authorised`, `settled`,
		`rejected`, `cancelled`, `expired`, `unknown`), `message`, `payments`, `refused`, `rejected`, `total`, `currency`,
		`digest`, `authorise_at`, times, `parts` (each message that the bank got, with its number and digest there) and
		`errors` (the first hundred refused payments).
	"""
	row = payments.find(arguments.caller(site), CONNECTOR, batch, idempotency_key, provider)
	if arguments.flag("refresh", refresh):
		payment_status.check_whole(row.name)
		row = payments.find(arguments.caller(site), CONNECTOR, row.name)
	return payment_data.status(row)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_payment_batch(
	batch: str | None = None,
	idempotency_key: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""A batch with its payments: `get_payment_batch_status` and a page of `get_payments` in one answer."""
	row = payments.find(arguments.caller(site), CONNECTOR, batch, idempotency_key, provider)
	page = payment_data.payments(row, status=None, limit=limit, cursor=cursor)
	return payment_data.status(row) | {"rows": page["payments"], "cursor": page["cursor"]}


@frappe.whitelist(methods=METHODS)
@endpoint
def get_payment_batches(
	state: str | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""The client's batches, the newest first.

	Args:
		state: only those that stand so.
		since: only those that have changed at or after this instant (`as_of` of an answer before).
		limit: rows of a page, 1,000 at most.
		cursor: `cursor` of the page before.

	Returns:
		`batches`, `cursor` (None behind the last page) and `as_of`.
	"""
	return payment_data.batches(
		arguments.caller(site),
		CONNECTOR,
		state=state,
		since=since,
		limit=limit,
		cursor=cursor,
		provider=provider,
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_payments(
	batch: str | None = None,
	idempotency_key: str | None = None,
	status: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""The payments of a batch in their order, each with how it stands and what the bank says against it.

	Args:
		batch, idempotency_key: which batch.
		status: only those that stand so.
		limit: rows of a page, 1,000 at most.
		cursor: `cursor` of the page before.

	Returns:
		`batch`, `state`, `payments` and `cursor` (None behind the last page).
	"""
	row = payments.find(arguments.caller(site), CONNECTOR, batch, idempotency_key, provider)
	return payment_data.payments(row, status=status, limit=limit, cursor=cursor)


@frappe.whitelist(methods=METHODS)
@endpoint
def download_payment_batch(
	batch: str | None = None,
	idempotency_key: str | None = None,
	format: str | None = None,
	leave_out: list | str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""A batch as a file, in any format that can carry it; what it cannot carry is named in `errors`.

	Args:
		batch, idempotency_key: which batch.
		format: as `file_format` of `submit_payment_batch`.
		leave_out: fields that may be lost.

	Returns:
		The file itself; `X-Payments-Digest` is the digest of its payments.
	"""
	row = payments.find(arguments.caller(site), CONNECTOR, batch, idempotency_key, provider)
	return stream(row, format, leave_out)


@frappe.whitelist(methods=["POST"])
@endpoint
def cancel_payment_batch(
	batch: str | None = None,
	idempotency_key: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Cancel a batch while it is not sent, or while nobody has authorised it.

	Returns:
		As `get_payment_batch_status`.
	"""
	client = arguments.caller(site)
	row = payments.find(client, CONNECTOR, batch, idempotency_key, provider)
	payments.cancel(row.name)
	return payment_data.status(payments.find(client, CONNECTOR, row.name))
