"""Batches of payments: taken whole or not at all, kept before anything is sent, each one once.

The caller names each batch by a key of its own. Whatever happens, and however often it calls, one key is one batch: the
first call makes it, every other one is told how it stands (DESIGN.md, Rules, Payments are sent at most once).
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import frappe
from frappe import _

from bank_api.connectors.errors import BatchRefused, NotFound, OutcomeUnknown, ProviderError, Unsupported
from bank_api.gateway import (
	access,
	audit,
	consent_rows,
	items,
	payment_files,
	payment_journal,
	payment_repeats,
	payment_rows,
	payment_rules,
	payment_sending,
	payment_states,
	payment_status,
	providers,
	setup,
	wake,
)
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.clock import site_now, utc_now
from bank_api.gateway.durable import reached
from bank_api.gateway.errors import (
	BadArgument,
	ConsentNeeded,
	GatewayError,
	InvalidPayments,
	KeyInUse,
	NotOffered,
	OutcomeUncertain,
	ProviderFailed,
	UnknownObject,
)
from bank_api.gateway.ids import row_name
from bank_api.gateway.locks import exclusive
from bank_api.gateway.payment_errors import of_findings
from bank_api.gateway.payment_states import (
	CANCELLED,
	DOCTYPE,
	DRAFT,
	PARTLY,
	STORED,
	VALIDATED,
)
from bank_api.gateway.plain import FORMULA, shown
from bank_api.payments import accounts, formats, listed, splitting, validation
from bank_api.payments.bank_days import BankDays, CutOffs, Moment
from bank_api.payments.digest import digest
from bank_api.payments.findings import Finding, PaymentsError, finding
from bank_api.payments.model import Batch, Party

ITEM = "Bank API Item"
WAIT_SECONDS = 30
LONGEST_NAME = 140
_KEY = re.compile(r"[\x21-\x7e]{1,140}", re.ASCII)
_EXCHANGE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_EXCHANGE_LENGTH = 14


@dataclass(frozen=True, slots=True)
class Asked:
	"""What a caller hands over.

	Attributes:
		key: the caller's own name of the batch; unique for good.
		payments: a list of them; None if there is a file.
		content: a file.
		file_format: which one it is, a key of `formats.FORMATS`; empty to find out.
		name: what people call the batch.
		account: the own account, for payments that name none.
		due: the day, for payments that name none.
		owner: the payer's name, for formats that want it.
		send_as: key of the format in which the bank gets it.
		mode: how the bank is to process it.
		leave_out: fields that the caller agrees to lose.
		accept_partly: whether the good payments are taken where others are not.
		allow_repeated: whether the same payments may be taken again; no part of the fingerprint, for it says nothing of what
			is asked for.
	"""

	key: str
	payments: Sequence[Any] | None = None
	content: bytes = field(default=b"", repr=False)
	file_format: str = ""
	name: str = ""
	account: str = ""
	due: date | None = None
	owner: str = ""
	send_as: str = payment_files.JSON
	mode: str = ""
	leave_out: tuple[str, ...] = ()
	accept_partly: bool = False
	allow_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Whence:
	"""Where the payments go out from.

	Attributes:
		client: name of the Bank API Client.
		provider: name of the Bank API Provider.
		item: name of the Bank API Item under whose consent they are sent.
		end_user: name of the Bank API End User.
	"""

	client: str
	provider: str
	item: str
	end_user: str


@dataclass(frozen=True, slots=True)
class Judged:
	"""Payments that may be sent, and those that may not.

	Attributes:
		batch: of the good ones.
		numbers: where they stood, counted from 1.
		refused: the others.
		refused_numbers: where those stood.
		findings: what speaks against them.
	"""

	batch: Batch
	numbers: tuple[int, ...]
	refused: Batch
	refused_numbers: tuple[int, ...]
	findings: Sequence[Finding]


# --- taking a batch


def whence(
	client: ClientContext,
	connector: str,
	*,
	provider: str | None,
	item_id: str | int | None,
	user: str | None,
	account: str,
) -> Whence:
	"""Under which consent a batch goes out: the item that is named, else the one whose account is, else the only one.

	Raises:
		UnknownObject: the client has no such item.
		BadArgument: several could be meant.
		ConsentNeeded: there is none, or it gives no access.
		NotConfigured: the provider's set-up is not that far.
	"""
	name = providers.resolve(client, connector, provider)
	setup.require_ready(name, visit=False)
	if item_id not in (None, ""):
		item = items.find(client, item_id, user, name)
	else:
		item = _item_of(client, name, user, account)
	row = consent_rows.of_item(name, item.item_id)
	if row is None or row.state != consent_rows.ACTIVE:
		raise ConsentNeeded(advice=consent_rows.advice(name))
	return Whence(client.name, name, item.name, item.end_user)


def _item_of(client: ClientContext, provider: str, user: str | None, account: str) -> frappe._dict:
	filters: dict[str, Any] = {"client": client.name, "provider": provider, "status": ("!=", "Deleted")}
	fields = ["name", "item_id", "end_user"]
	rows = frappe.get_all(ITEM, filters, fields, order_by="name asc", limit=500)
	if user:
		names = frappe.get_all(
			"Bank API End User", {"client": client.name, "provider": provider, "user": user}, pluck="name"
		)
		rows = [row for row in rows if row.end_user in names]
	if len(rows) > 1 and account:
		holding = frappe.get_all(
			"Bank API Account",
			{"client": client.name, "provider": provider, "iban": account, "status": "Open"},
			pluck="item",
		)
		rows = [row for row in rows if row.name in holding]
	if len(rows) > 1:
		active = {
			row.name
			for row in rows
			if getattr(consent_rows.of_item(provider, row.item_id), "state", None) == consent_rows.ACTIVE
		}
		rows = [row for row in rows if row.name in active] or rows
	if not rows:
		raise ConsentNeeded(advice=consent_rows.advice(provider))
	if len(rows) > 1:
		raise BadArgument(_("Several connections could be meant. Name one by the argument item_id."))
	return rows[0]


def own_account(text: str) -> str:
	"""An own account as people write it, in the form that payments use; empty if there is none."""
	return accounts.canonical(text) if text.strip() else ""


def judge(source: Whence, asked: Asked) -> Judged:
	"""Read and check what a caller hands over; nothing is kept and nobody is called.

	Raises:
		InvalidPayments: it cannot be sent; every reason with its payment and field.
	"""
	try:
		batch = _read(source.provider, asked)
		rules = payment_rules.rules(source.provider, source.item)
		validation.check_one_currency(batch)
		if not asked.accept_partly:
			validation.check(batch, rules)
			return Judged(batch, tuple(range(1, len(batch) + 1)), Batch(()), (), ())
		good, kept, found = validation.good_part(batch, rules)
	except PaymentsError as error:
		raise InvalidPayments(of_findings(error.findings)) from None
	left = [index for index in range(len(batch)) if index not in set(kept)]
	refused = Batch(tuple(batch.payments[index] for index in left))
	numbers = tuple(index + 1 for index in kept)
	return Judged(good, numbers, refused, tuple(index + 1 for index in left), found)


def _read(provider: str, asked: Asked) -> Batch:
	if asked.payments is None:
		batch = _of_file(provider, asked)
	else:
		# KB's JSON names every payment; a name that depends on the caller's key is the same in each repetition.
		mark = hashlib.sha256(asked.key.encode()).hexdigest()[:10].upper()
		reference = mark if asked.send_as == payment_files.JSON and "reference" not in asked.leave_out else ""
		defaults = listed.Defaults(asked.account, asked.due or first_day(), reference=reference)
		batch = listed.batch(asked.payments, defaults)
	if asked.owner and not any(payment.owner for payment in batch.payments):
		owner = Party(asked.owner)
		batch = Batch(tuple(replace(payment, owner=owner) for payment in batch.payments))
	return batch.without(*asked.leave_out) if asked.leave_out else batch


def _of_file(provider: str, asked: Asked) -> Batch:
	found = formats.FORMATS.get(asked.file_format) if asked.file_format else formats.detect(asked.content)
	if found is None:
		raise PaymentsError([finding("file_format", format=", ".join(formats.FORMATS))])
	form = payment_files.writer(found.key, provider=provider)
	trust = formats.Trust(collections=payment_rules.collections(provider))
	batch = form.read(asked.content, trust).batch
	if asked.send_as != payment_files.JSON:
		return batch
	mark = hashlib.sha256(asked.key.encode()).hexdigest()[:10].upper()
	return Batch(
		tuple(
			payment if payment.reference else replace(payment, reference=f"{mark}-{number:05d}")
			for number, payment in enumerate(batch.payments, 1)
		)
	)


def first_day() -> date:
	"""The first day on which the bank can do what it is told now; for payments that name none."""
	moment, until = Moment.of(utc_now()), CutOffs().standard
	late = moment.clock is not None and until is not None and moment.clock > until
	return BankDays().next(moment.today + timedelta(days=1 if late else 0))


def fingerprint(asked: Asked, *, item_id: Any, provider: str | None, user: str | None) -> str:
	"""What a caller has asked for, as 64 digits: another body under the same key is found by it."""
	values = {
		"payments": asked.payments,
		"content": hashlib.sha256(asked.content).hexdigest() if asked.content else "",
		"file_format": asked.file_format,
		"name": asked.name,
		"account": asked.account,
		"due": str(asked.due or ""),
		"owner": asked.owner,
		"send_as": asked.send_as,
		"mode": asked.mode,
		"leave_out": sorted(asked.leave_out),
		"accept_partly": asked.accept_partly,
		"item_id": str(item_id or ""),
		"provider": provider or "",
		"user": user or "",
	}
	text = json.dumps(values, sort_keys=True, ensure_ascii=True, default=_plain)
	return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> str:
	if isinstance(value, Decimal):
		return format(value, "f")  # `payment_arguments` has refused exponents that would fill the memory
	raise BadArgument(_("The payments cannot be read. Send them as a JSON list."))


def check_key(key: str | None) -> str:
	"""The caller's key.

	Raises:
		BadArgument: there is none, or it is none.
	"""
	plain = (key or "").strip()
	if not _KEY.fullmatch(plain):
		raise BadArgument(
			_("idempotency_key must have 1 to 140 letters, digits or signs, without blanks and accents.")
		)
	return plain


def known(client: ClientContext, key: str, request_hash: str) -> frappe._dict | None:
	"""The batch that a key has made before; None if it has made none.

	Raises:
		KeyInUse: it was for something else.
	"""
	name = frappe.db.get_value(DOCTYPE, {"client": client.name, "idempotency_key": key})
	row = payment_states.get(name) if name else None
	if row and (row.idempotency_key != key or row.request_hash != request_hash):
		raise KeyInUse()
	return row


def submit(
	client: ClientContext, source: Mapping[str, Any], asked: Asked, request_hash: str
) -> tuple[frappe._dict, bool]:
	"""Take a batch and send it; a key that is known sends nothing and gives what it has made. Commits.

	Args:
		client: who asks.
		source: arguments of `whence`.
		asked: what for.
		request_hash: from `fingerprint`.

	Returns:
		The row as it is now, and whether this call has made it.

	Raises:
		KeyInUse: the key was for something else.
		OutcomeUncertain: the key has made a batch that the database has lost.
		InvalidPayments: it cannot be sent. Nothing is kept, and the key is free.
		PaymentsRepeated: the same payments were taken under another key. Nothing is kept, and the key is free.
		GatewayError: there is no consent to send it under. Nothing is kept, and the key is free.
	"""
	lock = hashlib.sha256(f"{client.name}\0{asked.key.casefold()}".encode()).hexdigest()[:24]
	frappe.db.commit()
	with exclusive(f"paykey:{lock}", WAIT_SECONDS) as held:
		frappe.db.commit()  # see what the one before has committed
		row = known(client, asked.key, request_hash)
		if row is not None:
			return row, False
		if not held:
			raise ProviderFailed(
				_("The same batch is being taken by another call. Repeat the call in a minute.")
			)
		if payment_journal.knows_key(client.name, asked.key):
			raise OutcomeUncertain(
				_(
					"A batch of this idempotency_key was sent before, and the gateway does not know it any more: a backup was "
					"restored. Nothing was kept or sent now. Look for it in the bank's channel."
				)
			)
		name = _keep(whence(client, **source), asked, request_hash)
	_start(name)
	row = payment_states.get(name)
	assert row is not None
	return row, True


def _keep(source: Whence, asked: Asked, request_hash: str) -> str:
	"""Take a batch that is not paid under another key already. Commits; the key's lock is held."""
	judged = judge(source, asked)
	content = _content(source, asked, judged)
	with exclusive(content.lock, WAIT_SECONDS) as held:
		frappe.db.commit()  # see what another key's call has committed
		if not held:
			raise ProviderFailed(
				_("The same payments are being taken by another call. Repeat the call in a minute.")
			)
		if not asked.allow_repeated:
			payment_repeats.require_new(content, Moment.of(utc_now()))
		try:
			name = _take(source, asked, judged, content, request_hash)
		except BaseException:
			frappe.db.rollback()  # a part that is written already must never be committed without the others
			raise
		reached("taken")
		frappe.db.commit()  # durable before anything is sent
		reached("kept")
	return name


def _content(source: Whence, asked: Asked, judged: Judged) -> payment_repeats.Content:
	rows = asked.payments or ()
	left = {number for number, row in enumerate(rows, 1) if not row.get("due")} if not asked.due else set()
	open_days = frozenset(index for index, number in enumerate(judged.numbers) if number in left)
	return payment_repeats.content(source.client, judged.batch, open_days)


def validate(client: ClientContext, source: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
	"""Check a batch as `submit` would, and keep and send nothing."""
	place = whence(client, **source)
	connector = payment_sending.connector_of(place.provider)
	try:
		judged = judge(place, asked)
		row = _row(place, asked, judged.batch, _mode(asked, connector))
		most = payment_files.most(asked.send_as, connector)
		one_account = asked.send_as == payment_files.JSON
		for part in splitting.split(judged.batch, most, one_account=one_account):
			_require_carried(row, part.batch, connector)
	except InvalidPayments as error:
		return {"valid": False, "errors": error.errors}
	before = payment_repeats.earlier(_content(place, asked, judged), Moment.of(utc_now()).today)
	return {
		"valid": True,
		"errors": [],
		"payments": row["payment_count"],
		"total": row["total"],
		"currency": row["currency"],
		"digest": row["digest"],
		"repeats": {"batch": before.name, "idempotency_key": before.idempotency_key} if before else None,
	}


def _start(name: str) -> None:
	parts = payment_rows.parts_of(name)
	if len(parts) == 1:
		payment_sending.send(parts[0])
	else:
		wake.job_after_commit(
			"bank_api.gateway.payment_sending.send_all", queue="long", timeout=3600, batch=name
		)
	frappe.db.commit()


def _mode(asked: Asked, connector: Any) -> str:
	mode = asked.mode or connector.modes[0]
	if mode not in connector.modes:
		raise BadArgument(
			_("The argument {0} must be one of: {1}.").format("processing_mode", ", ".join(connector.modes))
		)
	return mode


def _take(
	source: Whence, asked: Asked, judged: Judged, content: payment_repeats.Content, request_hash: str
) -> str:
	"""Write a batch with its payments, ready to be sent; the caller commits."""
	connector = payment_sending.connector_of(source.provider)
	mode = _mode(asked, connector)
	parts = splitting.split(
		judged.batch,
		payment_files.most(asked.send_as, connector),
		one_account=asked.send_as == payment_files.JSON,
	)
	whole = _row(source, asked, judged.batch, mode)
	whole |= {
		"idempotency_key": asked.key,
		"request_hash": request_hash,
		"content_digest": content.digest,
		"payment_count": len(judged.batch) + len(judged.refused),
		"refused_count": len(judged.refused),
	}
	owner = payment_rows.Owner(whole["name"], source.client, source.provider)
	single = len(parts) == 1
	if not single:
		whole |= {"part_count": len(parts), "exchange_id": None}
		_insert(whole)
	for part in parts:
		row = whole if single else _part_row(source, asked, part, whole["name"], mode)
		_require_carried(row, part.batch, connector)
		_insert(row)
		numbers = [judged.numbers[index] for index in part.indexes]
		payment_rows.insert(owner, row["name"], numbers, part.batch)
		payment_states.move(row["name"], VALIDATED, next_try_at=site_now())
	_keep_refused(owner, judged)
	return whole["name"]


def _row(source: Whence, asked: Asked, batch: Batch, mode: str) -> dict[str, Any]:
	"""Columns of a new batch."""
	((currency, total),) = batch.totals().items()
	own = {payment.account for payment in batch.payments}
	days = [payment.due for payment in batch.payments]
	return {
		"name": row_name(),
		"state": DRAFT,
		"client": source.client,
		"provider": source.provider,
		"item": source.item,
		"end_user": source.end_user,
		"batch_name": shown(asked.name.lstrip(FORMULA))[:LONGEST_NAME] or None,  # type: ignore[index]
		"send_as": asked.send_as,
		"processing_mode": mode,
		"currency": currency,
		"total": payment_rows.exact(total),
		"total_value": payment_rows.sortable(total),
		"payment_count": len(batch),
		"refused_count": 0,
		"rejected_count": 0,
		"account": own.pop() if len(own) == 1 else None,
		"execution_date": min(days),
		"last_execution_date": max(days),
		"digest": digest(batch),
		"authorise_at": frappe.db.get_value(providers.DOCTYPE, source.provider, "authorise_at"),
		"exchange_id": "".join(secrets.choice(_EXCHANGE_LETTERS) for _ in range(_EXCHANGE_LENGTH)),
	}


def _part_row(source: Whence, asked: Asked, part: splitting.Part, whole: str, mode: str) -> dict[str, Any]:
	row = _row(source, asked, part.batch, mode)
	name = f"{part.number}/{part.of} {asked.name}".strip()
	return row | {"parent_batch": whole, "part_number": part.number, "batch_name": shown(name)[:LONGEST_NAME]}  # type: ignore[index]


def _require_carried(row: Mapping[str, Any], batch: Batch, connector: Any) -> None:
	"""Refuse now what the format could not say later.

	Raises:
		InvalidPayments: with every reason.
	"""
	place = frappe._dict(row)
	form = payment_files.writer(place.send_as, connector=connector, provider=place.provider)
	if found := form.problems(batch, payment_files.envelope_of(place)):
		raise InvalidPayments(of_findings(found))


def _insert(row: Mapping[str, Any]) -> None:
	now, user = site_now(), frappe.session.user
	values = {"creation": now, "modified": now, "owner": user, "modified_by": user, **row}
	columns = ", ".join(f"`{name}`" for name in values)
	marks = ", ".join(f"%({name})s" for name in values)
	frappe.db.sql(f"INSERT INTO `tab{DOCTYPE}` ({columns}) VALUES ({marks})", values)


def _keep_refused(owner: payment_rows.Owner, judged: Judged) -> None:
	"""The payments that were not taken, with the reasons: their caller has asked for that."""
	if not judged.refused_numbers:
		return
	payment_rows.insert(owner, None, judged.refused_numbers, judged.refused)
	first: dict[int, Finding] = {}
	for one in judged.findings:
		if one.payment is not None:
			first.setdefault(one.payment + 1, one)
	for number, one in first.items():
		frappe.db.sql(
			f"""UPDATE `tab{payment_states.PAYMENT}` SET error_code = %s, error_field = %s, error = %s
			WHERE batch = %s AND number = %s""",
			(one.code, one.field[:140], shown(of_findings([one])[0]["message"]), owner.batch, number),
		)


# --- cancelling


def find(
	client: ClientContext,
	connector: str,
	batch: str | None,
	key: str | None = None,
	provider: str | None = None,
) -> frappe._dict:
	"""A batch of a client, by our id or by its own key; parts are nobody's but ours.

	Raises:
		UnknownObject: the client has no such batch.
		BadArgument: none is named.
	"""
	filters: dict[str, Any] = {"client": client.name, "parent_batch": ("is", "not set")}
	if not batch and not key:
		raise BadArgument(_("The argument {0} is missing.").format("batch"))
	if batch:
		filters["name"] = batch.strip()[:140]
	if key:
		filters["idempotency_key"] = key.strip()[:140]
	name = frappe.db.get_value(DOCTYPE, filters)
	row = payment_states.get(name) if name else None
	if row is None or (batch and row.name != batch.strip()) or (key and row.idempotency_key != key.strip()):
		raise UnknownObject()
	if frappe.db.get_value(providers.DOCTYPE, row.provider, "connector") != connector:
		raise UnknownObject()
	if provider and row.provider != provider:
		raise UnknownObject()
	return row


def cancel(name: str) -> None:
	"""Cancel what can be cancelled of a batch: what is not sent yet, and what nobody has authorised. Commits.

	Raises:
		BadArgument: nothing of it can be cancelled any more.
		ProviderError: the bank could not; what was cancelled before stays so.
	"""
	row = payment_states.get(name)
	if row is None:
		raise UnknownObject()
	names = payment_rows.parts_of(name)
	# First what nobody has sent: a sender that is at work on an earlier part must not come to it.
	unsent = [part for part in reversed(names) if _cancel_unsent(part)]
	done, refused = bool(unsent), None
	for part in names:
		if part not in unsent:
			try:
				done = _cancel_at_bank(part) or done
			except (ProviderError, GatewayError) as error:
				refused = refused or error
	if refused is not None:
		raise refused
	if not done:
		raise BadArgument(_("This batch can no longer be cancelled: it is {0}.").format(_(row.state)))


def _cancel_unsent(part: str) -> bool:
	row = payment_states.get(part, lock=True)
	cancelled = row is not None and row.state == VALIDATED
	if cancelled:
		payment_states.move(part, CANCELLED)
	frappe.db.commit()
	return cancelled


def _cancel_at_bank(part: str) -> bool:
	"""Ask the bank to cancel a part that waits there. A cancellation that was lost shows in the next look at it."""
	frappe.db.commit()
	row = payment_states.get(part)
	if row is None or row.state not in (STORED, PARTLY) or not row.provider_batch_id:
		return False
	connector, key = payment_sending.connector_of(row.provider), payment_sending.reading_key(row)
	bank_id = row.provider_batch_id
	payment_states.set_values(part, next_check_at=site_now())
	audit.record("Payment Batch Cancellation Asked For", client=row.client, doctype=DOCTYPE, name=part)
	frappe.db.commit()  # durable before the bank is asked
	reached("cancelling")
	try:
		# A token that has just ended is renewed: cancelling twice does no more than cancelling once.
		access.with_token(key, lambda token: connector.cancel_batch(token, bank_id))
	except Unsupported as error:
		raise NotOffered(_(error.message)) from None
	except (BatchRefused, NotFound) as error:
		payment_status.check(part)
		raise BadArgument(
			_("The bank does not cancel this batch any more. Look at how it stands.")
		) from error
	except OutcomeUnknown:
		payment_status.check(part)
		after = payment_states.get(part)
		if after is not None and after.state == CANCELLED:
			return True
		raise
	reached("cancelled")
	frappe.db.commit()
	current = payment_states.get(part, lock=True)
	if current is not None and payment_states.may(current, CANCELLED):
		payment_states.move(part, CANCELLED)
	frappe.db.commit()
	return True
