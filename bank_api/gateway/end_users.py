"""End users of client sites: each a user of its own at the provider, made on the fly, erased on demand."""

import hashlib
import secrets

import frappe
from frappe import _

from bank_api.connectors.errors import NotFound
from bank_api.gateway import audit, providers, purge, wake
from bank_api.gateway.clients import ClientContext
from bank_api.gateway.errors import BadArgument, UnknownObject
from bank_api.gateway.locks import exclusive

DOCTYPE = "Bank API End User"
MAX_USER = 140


def user_key(client: ClientContext, user: str | None) -> str:
	"""The name that a client gives to one of its end users; without one, the client's own name stands for it.

	Raises:
		BadArgument: longer than any name can be.
	"""
	key = (user or "").strip() or client.name
	if len(key) > MAX_USER:
		raise BadArgument(_("The argument {0} is too long.").format("user"))
	return key


def find(client: str, user: str, provider: str | None = None) -> list[str]:
	"""Names of the end users that a client knows under this name, at one provider or at all.

	The database compares without regard to case and accents; here the text must be equal.
	"""
	filters = {"client": client, "user": user, "erased": 0}
	if provider:
		filters["provider"] = provider
	rows = frappe.get_all(DOCTYPE, filters=filters, fields=["name", "user"])
	return [row.name for row in rows if row.user == user]


def ensure(client: str, provider: str, user: str) -> str:
	"""The end user's row, with a user at the provider behind it; both are made if missing.

	The row is committed before the provider is asked, so a crash in between is repaired by the next call: the
	external id is the same, and the connector finds the user that exists. The row's lock makes one of
	concurrent calls.

	Args:
		client: name of the Bank API Client.
		provider: name of the Bank API Provider.
		user: the client's name of its end user.

	Returns:
		name of the Bank API End User. The transaction is committed.

	Raises:
		ProviderError: the provider cannot make the user.
		BadArgument: the name differs from a known one in nothing but case or accents.
	"""
	row = _row(client, provider, user)
	if row is None:
		_insert(client, provider, user)
		row = _row(client, provider, user)
	if row.user != user:
		raise BadArgument(
			_("An end user is known under a name that differs only in letter case or accents. Use that name.")
		)
	if row.erased:
		raise UnknownObject(_("This end user is being erased. Repeat the call in a minute."))
	if not row.provider_user_id:
		_register(row.name, provider)
	return row.name


def _row(client: str, provider: str, user: str) -> frappe._dict | None:
	fields = ["name", "user", "erased", "provider_user_id"]
	return frappe.db.get_value(
		DOCTYPE, {"client": client, "provider": provider, "user": user}, fields, as_dict=True
	)


def _insert(client: str, provider: str, user: str) -> None:
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"client": client,
			"provider": provider,
			"user": user,
			"email": user if is_email(user) else None,
			"external_user_id": f"ba-{secrets.token_hex(16)}",
		}
	)
	try:
		doc.insert(ignore_permissions=True)
	except (frappe.UniqueValidationError, frappe.DuplicateEntryError):
		# Another request was faster. Its row is visible to a new transaction only.
		frappe.clear_messages()
		frappe.db.rollback()
		return
	frappe.db.commit()  # durable before the provider is asked


def _register(name: str, provider: str) -> None:
	"""Make the user at the provider, one caller at a time, and keep its id."""
	frappe.db.commit()  # the lock has to read what is committed now
	row = frappe.db.get_value(
		DOCTYPE, name, ["provider_user_id", "external_user_id"], for_update=True, as_dict=True
	)
	if row and not row.provider_user_id:
		provider_user_id = providers.connector(provider).create_user(row.external_user_id)
		frappe.db.set_value(DOCTYPE, name, "provider_user_id", provider_user_id)
	frappe.db.commit()  # frees the row


def forget_provider_user(name: str) -> None:
	"""The provider no longer knows this end user: the next `ensure` makes a new one."""
	frappe.db.set_value(DOCTYPE, name, {"provider_user_id": None, "token_expires_at": None})


def is_email(text: str) -> bool:
	"""Whether a user name looks like an e-mail address; many client sites use it as such."""
	local, _at, domain = text.partition("@")
	return (
		bool(local) and "." in domain.strip(".") and "@" not in domain and not any(c.isspace() for c in text)
	)


def erase(end_user: str) -> None:
	"""Withdraw an end user at the provider and start deleting everything held of it here.

	The provider comes first: what it keeps would outlive our copy. The rows go in the background, in batches.

	Args:
		end_user: name of the Bank API End User.

	Raises:
		ProviderError: the provider could not delete the user; nothing is changed then.
		UnknownObject: there is no such end user.
	"""
	row = frappe.db.get_value(DOCTYPE, end_user, ["client", "provider", "provider_user_id"], as_dict=True)
	if not row:
		raise UnknownObject()
	from bank_api.gateway import access, consents, items, payment_forgetting, session_return

	payment_forgetting.stop(end_user)
	frappe.db.commit()  # nothing is sent for somebody who is going to be erased
	if row.provider_user_id and access.by_consent(row.provider):
		session_return.withdraw_open(end_user)
		consents.withdraw_all(end_user)
	elif row.provider_user_id:
		try:
			providers.connector(row.provider).delete_user(row.provider_user_id)
		except NotFound:
			pass  # gone already is what we want

	for item in frappe.get_all(
		"Bank API Item", {"end_user": end_user, "status": ("!=", "Deleted")}, pluck="name"
	):
		items.mark_deleted(item)
	frappe.db.set_value(DOCTYPE, end_user, {"erased": 1, "provider_user_id": None, "token_expires_at": None})
	audit.record("End User Erasure Started", client=row.client, doctype=DOCTYPE, name=end_user)
	wake.job_after_commit(
		"bank_api.gateway.end_users.erase_rows", queue="long", timeout=3600, end_user=end_user
	)
	frappe.db.commit()  # the provider has deleted its side: ours must not be rolled back


def erase_rows(end_user: str) -> None:
	"""Delete the rows of an end user marked for erasure; safe to stop and to repeat (job)."""
	with exclusive(end_user) as held:
		if held:
			_erase_rows(end_user)


def _erase_rows(end_user: str) -> None:
	frappe.db.commit()  # see what another worker has erased
	row = frappe.db.get_value(DOCTYPE, end_user, ["client", "user", "erased"], as_dict=True)
	if not row or not row.erased:
		return
	from bank_api.gateway import access_links, payment_forgetting

	payments = payment_forgetting.forget(end_user)
	items = frappe.get_all("Bank API Item", {"end_user": end_user}, pluck="name")
	counts = purge.item_data(items)
	if counts is None:
		return  # a sync is still writing; the scheduler comes back
	counts["Bank API Payment"] = payments
	counts["Bank API Resource"] = purge.rows("Bank API Resource", {"end_user": end_user})
	for doctype in ("Bank API Consent", "Bank API Connect Request"):
		counts[doctype] = purge.with_secrets(doctype, {"end_user": end_user})
	for doctype in ("Bank API Webhook Event", "Bank API Webhook Delivery"):
		counts[doctype] = sum(purge.rows(doctype, {"item": item}) for item in items)
	counts["Bank API Item"] = purge.rows("Bank API Item", {"end_user": end_user})
	access_links.forget(row.client, row.user)
	frappe.db.delete("__Auth", {"doctype": DOCTYPE, "name": end_user})
	frappe.db.delete(DOCTYPE, {"name": end_user})
	# The proof can be matched with a name that somebody presents, and does not hold it.
	digest = hashlib.sha256(f"{row.client}\0{row.user}".encode()).hexdigest()
	audit.record(
		"End User Erased",
		client=row.client,
		doctype=DOCTYPE,
		name=end_user,
		details={"end_user": digest, "items": len(items), "rows": sum(counts.values())},
	)
	frappe.db.commit()


def erase_pending() -> None:
	"""Take up erasures whose job was lost (scheduler)."""
	for name in frappe.get_all(DOCTYPE, {"erased": 1}, pluck="name"):
		erase_rows(name)
