"""Access tokens of end users: cached encrypted, renewed early, asked for by one caller at a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import frappe
from frappe.utils.password import get_decrypted_password, set_encrypted_password

from bank_api.connectors.errors import AuthenticationExpired, NotFound
from bank_api.connectors.model import Secret, Token
from bank_api.gateway import end_users, providers
from bank_api.gateway.clock import to_site, to_utc, utc_now
from bank_api.gateway.errors import UnknownObject

DOCTYPE = "Bank API End User"
FIELD = "access_token"
RENEW_BEFORE = timedelta(minutes=5)
_COLUMNS = ["name", "provider", "provider_user_id", "external_user_id", "token_expires_at", "erased"]

Result = TypeVar("Result")


def access_token(end_user: str, force: bool = False, stale: Token | None = None) -> Token:
	"""A token of an end user that is valid for some minutes at least.

	Commits: call it only where nothing half-done is in the transaction.

	Args:
		end_user: name of the Bank API End User.
		force: ask for a new one even if the cached one should still be valid.
		stale: a token that the provider has just refused; a cached one that differs from it is taken instead
			of a new one.

	Raises:
		ProviderError: the provider gives none; `NotFound` if it no longer knows the end user.
		UnknownObject: there is no such end user.
	"""
	row = frappe.db.get_value(DOCTYPE, end_user, _COLUMNS, as_dict=True)
	if not row or row.erased:
		raise UnknownObject()
	if not force:
		cached = _cached(row)
		if cached and not _same(cached, stale):
			return cached
	return _renew(end_user, force, stale)


def with_token(end_user: str, call: Callable[[Token], Result]) -> Result:
	"""Call with the end user's token; if the provider refuses it, once more with a fresh one.

	Args:
		end_user: name of the Bank API End User.
		call: gets the token; may be called twice.

	Raises:
		ProviderError: what the call raises.
	"""
	token = access_token(end_user)
	try:
		return call(token)
	except AuthenticationExpired:
		return call(access_token(end_user, stale=token))


def _renew(end_user: str, force: bool, stale: Token | None) -> Token:
	"""Ask the provider for a token while holding the row, so that others wait and then find it."""
	frappe.db.commit()  # the locked read has to see what others have committed
	row = frappe.db.get_value(DOCTYPE, end_user, _COLUMNS, as_dict=True, for_update=True)
	if not row or row.erased:
		frappe.db.rollback()
		raise UnknownObject()
	cached = None if force else _cached(row)
	if cached and not _same(cached, stale):
		frappe.db.commit()  # frees the row
		return cached
	try:
		token = providers.connector(row.provider).new_token(row.external_user_id)
	except NotFound:
		end_users.forget_provider_user(end_user)
		frappe.db.commit()
		raise
	except Exception:
		frappe.db.rollback()  # frees the row
		raise
	_keep(end_user, row, token)
	frappe.db.commit()  # durable before anyone uses it, and frees the row
	return token


def _same(token: Token, other: Token | None) -> bool:
	return other is not None and token.value == other.value


def _cached(row: frappe._dict) -> Token | None:
	if not row.token_expires_at or to_utc(row.token_expires_at) - utc_now() < RENEW_BEFORE:
		return None
	try:
		value = get_decrypted_password(DOCTYPE, row.name, FIELD, raise_exception=False)
	except frappe.ValidationError:
		frappe.clear_messages()  # encrypted with another key, the site was restored: ask for a new one
		return None
	if not value:
		return None
	return Token(Secret(value), to_utc(row.token_expires_at), row.provider_user_id or "")


def _keep(end_user: str, row: frappe._dict, token: Token) -> None:
	set_encrypted_password(DOCTYPE, end_user, token.value.reveal(), FIELD)
	values = {"token_expires_at": to_site(token.expires_at)}
	if token.provider_user_id and token.provider_user_id != row.provider_user_id:
		values["provider_user_id"] = token.provider_user_id
	frappe.db.set_value(DOCTYPE, end_user, values, update_modified=False)
