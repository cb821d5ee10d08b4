"""Access tokens of consents: renewed by one caller at a time, ahead of their end, and never lost in silence.

Tokens that live for minutes only are renewed when somebody needs one (`consent_rows.renewal_time`).

Both tokens change with each renewal, and the old ones are dead once the provider has answered
(protocols/berlin_group_migdal.md 3.6). So a renewal is marked before the provider is asked (`renewing_since`), and the new
pair is committed before anyone uses it. A mark that outlives its process says that an answer may have been lost: the
renewal is repeated with the old refresh token, and if that one is refused, only the end user can help, and is asked to.
"""

import hashlib
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import frappe
from frappe import _

from bank_api.connectors.errors import (
	AuthenticationExpired,
	ConsentRequired,
	MalformedResponse,
	ProviderError,
	ProviderTimeout,
	ProviderUnavailable,
	RefreshRefused,
	TokenRefused,
)
from bank_api.connectors.model import ConsentStanding, Presence, Token, TokenPair
from bank_api.gateway import audit, consent_check, consent_rows, items, providers, refusals
from bank_api.gateway.clock import site_now, to_site, to_utc, utc_now
from bank_api.gateway.durable import durably
from bank_api.gateway.errors import NotConfigured, UnknownObject
from bank_api.gateway.locks import exclusive, is_free

WAIT_SECONDS = 45
"""How long a caller waits for the one that is renewing: longer than the provider may take to answer."""
LEAST_LEFT = timedelta(seconds=30)
"""A token that ends sooner is renewed before it is used; of a very short life, a tenth."""
RETRY_AFTER = timedelta(minutes=3)
"""How long the scheduler leaves a consent alone whose renewal has failed."""
MAX_A_TURN = 500

# The provider may have answered, and the answer was lost.
_LOST = (ProviderUnavailable, MalformedResponse)

STALE = (AuthenticationExpired, TokenRefused)
"""What is said of a token that has run out, or was replaced by another worker."""

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def _advised(find: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
	"""Let a `ConsentRequired` of a consent, the first argument, say what a human has to do."""

	@wraps(find)
	def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
		try:
			return find(*args, **kwargs)
		except ConsentRequired as error:
			row = None if error.advice else consent_rows.get(str(args[0]))
			error.advice = consent_rows.advice(row.provider) if row else error.advice
			raise

	return call


@_advised
def with_token(consent: str, call: Callable[[Token], Result], presence: Presence | None = None) -> Result:
	"""Call with a consent's token; if the provider refuses it, once more with a fresh one.

	Args:
		consent: name of the Bank API Consent.
		call: gets the token; may be called twice.
		presence: the end user's browser, if this very call is the end user's own.

	Raises:
		ProviderError: what the call raises; `ConsentRequired` if there is no token to be had.
	"""
	token = access_token(consent, presence=presence)
	try:
		return call(token)
	except STALE:
		fresh = access_token(consent, stale=token, presence=presence)
	try:
		return call(fresh)
	except STALE:
		lost(consent)
		raise


@_advised
def access_token(
	consent: str, *, force: bool = False, stale: Token | None = None, presence: Presence | None = None
) -> Token:
	"""A token of a consent that is valid for a while.

	Commits: call it only where nothing half-done is in the transaction.

	Args:
		consent: name of the Bank API Consent.
		force: ask for a new one whatever the present one is worth.
		stale: a token that the provider has just refused; one that differs from it is taken instead of a new one.
		presence: the end user's browser, if the token is for the end user's own call.

	Raises:
		ConsentRequired: the end user has to act first.
		ProviderError: the provider gives none now.
		UnknownObject: there is no such consent.
	"""
	asked_at = site_now()
	row = _usable(consent)
	token = None if force else _kept(row, stale)
	if token is None:
		token = _in_turn(consent, force, stale, asked_at)
	if presence is None:
		return token
	return Token(
		token.value,
		token.expires_at,
		token.provider_user_id,
		token.consent_id,
		presence,
		token.company,
		token.frequency_per_day,
	)


def _usable(consent: str) -> frappe._dict:
	row = consent_rows.get(consent)
	if not row:
		raise UnknownObject()
	if row.state == consent_rows.ACTIVE:
		return row
	if row.state == consent_rows.SUSPENDED:
		raise ConsentRequired("The provider has suspended the consent.")
	raise ConsentRequired("The consent gives no access: the end user has to authorise one.")


def _kept(row: frappe._dict, stale: Token | None) -> Token | None:
	"""The stored token, if it is worth something; while it is being replaced, nobody knows."""
	if row.renewing_since or not row.token_expires_at:
		return None
	if to_utc(row.token_expires_at) - utc_now() < _least_left(row):
		return None
	return _stored(row, stale)


def _least_left(row: frappe._dict) -> timedelta:
	if not row.token_issued_at:
		return LEAST_LEFT
	return min(LEAST_LEFT, (row.token_expires_at - row.token_issued_at) / 10)


def _stored(row: frappe._dict, stale: Token | None) -> Token | None:
	value = consent_rows.secret(row.name, "access_token")
	if not value or (stale is not None and stale.value == value):
		return None
	return Token(
		value,
		to_utc(row.token_expires_at),
		"",
		consent_id=row.provider_consent_id,
		company=row.company or "",
		frequency_per_day=row.frequency_per_day or 0,
	)


# --- renewing


def _in_turn(consent: str, force: bool, stale: Token | None, asked_at: datetime) -> Token:
	"""Wait for whoever is renewing; take what that gave, or renew."""
	frappe.db.commit()
	with exclusive(_lock(consent), WAIT_SECONDS) as held:
		frappe.db.commit()  # see what the one before has committed
		row = _usable(consent)
		renewed = row.token_issued_at and row.token_issued_at > asked_at
		token = None if force and not renewed else _kept(row, stale)
		if token is not None:
			return token
		if not held:
			raise ProviderTimeout("Somebody else is renewing the token and gets no answer.")
		if row.renewal_failed_at and row.renewal_failed_at > asked_at:
			# The one before has just tried in vain: twenty callers must not wait for twenty time-outs.
			return _last_resort(row, stale, ProviderUnavailable("The token could not be renewed just now."))
		return _renew(row, stale)


def _lock(consent: str) -> str:
	return f"token:{consent}"


def _renew(row: frappe._dict, stale: Token | None) -> Token:
	"""Ask the provider for a new pair, and make it durable. The lock is held."""
	refresh = consent_rows.secret(row.name, "refresh_token")
	if not refresh:
		consent_rows.needs_authorisation(row, _("There is no token to renew the access with."))
		frappe.db.commit()
		raise ConsentRequired("There is no refresh token.")
	interrupted = bool(row.renewing_since)
	try:
		connector = consent_check.connector_of(row.provider)
	except (ProviderError, NotConfigured) as error:  # nobody was asked
		_note_failure(row, error, clear=False)
		raise
	consent_rows.set_values(row.name, renewing_since=row.renewing_since or site_now())
	frappe.db.commit()  # durable before the provider is asked
	try:
		pair = connector.renew(row.provider_consent_id, refresh, metadata_url=row.metadata_url or "")
	except RefreshRefused as error:
		_refused(row, interrupted)
		raise error
	except _LOST as error:
		_note_failure(row, error, clear=False)
		return _last_resort(row, stale, error)
	except ProviderError as error:
		_note_failure(row, error, clear=True)  # a definite no: the tokens are what they were
		raise
	durably(lambda: _keep_renewed(row, pair))
	current = consent_rows.get(row.name)
	token = _stored(current, None) if current else None
	if token is None:
		raise ConsentRequired("The consent was withdrawn meanwhile, or the new token cannot be read.")
	return token


def _keep_renewed(row: frappe._dict, pair: TokenPair) -> None:
	"""Who withdraws a consent does not wait for its renewal: tokens that come afterwards are nobody's."""
	current = consent_rows.get(row.name, lock=True)
	if current and current.state != consent_rows.ENDED:
		keep(row, pair)


def keep(row: frappe._dict, pair: TokenPair) -> None:
	"""Write a new pair of tokens; the caller commits.

	Args:
		row: the consent.
		pair: from the provider.
	"""
	issued = utc_now()
	renew_at = consent_rows.renewal_time(issued, pair.expires_at)
	consent_rows.keep_secret(row.name, "access_token", pair.access)
	values: dict[str, Any] = {}
	if pair.refresh:  # otherwise the one that is kept goes on to serve, as long as before
		consent_rows.keep_secret(row.name, "refresh_token", pair.refresh)
		values["refresh_expires_at"] = None
	if pair.refresh_expires_at:
		values["refresh_expires_at"] = to_site(pair.refresh_expires_at)
	consent_rows.set_values(
		row.name,
		state=consent_rows.ACTIVE,
		token_issued_at=to_site(issued),
		token_expires_at=to_site(pair.expires_at),
		renew_after=to_site(renew_at) if renew_at else None,
		renewing_since=None,
		renewal_failed_at=None,
		last_error=None,
		token_thumbprint=_thumbprint(row.provider),
		**values,
	)


def _thumbprint(provider: str) -> str | None:
	"""SHA-256 of the transport certificate that tokens are bound to (RFC 8705), in hexadecimal."""
	pair = providers.config_of(provider).transport
	if pair is None:
		return None
	end = "-----END CERTIFICATE-----"
	leaf = pair.chain[pair.chain.index("-----BEGIN CERTIFICATE-----") : pair.chain.index(end) + len(end)]
	return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()


def _note_failure(row: frappe._dict, error: ProviderError | NotConfigured, clear: bool) -> None:
	frappe.db.rollback()
	values = {"renewal_failed_at": site_now(), "last_error": refusals.explained(error)}
	if clear:
		values["renewing_since"] = None
	consent_rows.set_values(row.name, **values)
	refusals.note(error, provider=row.provider, client=row.client)
	frappe.db.commit()


def _last_resort(row: frappe._dict, stale: Token | None, error: ProviderError) -> Token:
	"""The token in hand, if it still has some life: it may have been spared."""
	if row.token_expires_at and to_utc(row.token_expires_at) > utc_now():
		token = _stored(row, stale)
		if token is not None:
			return token
	raise error


def _refused(row: frappe._dict, interrupted: bool) -> None:
	"""The refresh token is dead. Whether the consent is too, the provider can say; if not, the end user has to come."""
	frappe.db.rollback()
	try:
		reading = consent_check.read(row)
	except ProviderError:
		reading = None
	frappe.db.commit()
	if reading and reading.data.standing in (ConsentStanding.ENDED, ConsentStanding.SUSPENDED):
		state = consent_check.apply(row, reading)
		consent_rows.set_values(row.name, renewing_since=None)
		if row.item:
			items.apply_state(row.item, state)
	else:
		if interrupted:
			audit.record(
				"Renewal Was Interrupted", client=row.client, doctype=consent_rows.DOCTYPE, name=row.name
			)
		consent_rows.needs_authorisation(
			row,
			_("A renewal of the token was interrupted, and the provider takes the old one no more.")
			if interrupted
			else _("The provider refuses to renew the token."),
		)
	frappe.db.commit()


def lost(consent: str) -> None:
	"""Even a fresh token is refused: only the end user can open the access again. Commits."""
	frappe.db.rollback()
	row = consent_rows.get(consent)
	if row and row.state == consent_rows.ACTIVE:
		consent_rows.needs_authorisation(row, _("The provider refuses the token, even a fresh one."))
	frappe.db.commit()


# --- ahead of time


def renew_due() -> None:
	"""Every minute: renew the tokens that are near their end, and take up the renewals that were interrupted."""
	silent: set[str] = set()
	for row in _due():
		if row.provider in silent:
			continue
		try:
			_renew_ahead(row.name)
		except (ProviderError, NotConfigured) as error:
			frappe.db.rollback()
			frappe.logger("bank_api").warning("The token of consent %s is not renewed: %s", row.name, error)
			if isinstance(error, (ProviderUnavailable, NotConfigured)):
				silent.add(row.provider)


def _due() -> list[frappe._dict]:
	now = site_now()
	rows = frappe.db.sql(
		"""SELECT name, provider, renewing_since FROM `tabBank API Consent` consent
		WHERE state = 'Active' AND (renew_after <= %(now)s OR renewing_since IS NOT NULL)
			AND (renewal_failed_at IS NULL OR renewal_failed_at < %(patient)s)
			AND EXISTS (SELECT 1 FROM `tabBank API Provider` WHERE name = consent.provider AND enabled = 1)
		ORDER BY renew_after LIMIT %(limit)s""",
		{"now": now, "patient": now - RETRY_AFTER, "limit": MAX_A_TURN},
		as_dict=True,
	)
	# One that is being renewed this very moment is nobody's business.
	return [row for row in rows if not row.renewing_since or is_free(_lock(row.name))]


def _renew_ahead(consent: str) -> None:
	"""Renew one, unless somebody else just has."""
	frappe.db.commit()
	with exclusive(_lock(consent)) as held:
		frappe.db.commit()
		row = consent_rows.get(consent)
		due = (
			row
			and row.state == consent_rows.ACTIVE
			and (row.renewing_since or (row.renew_after and row.renew_after <= site_now()))
		)
		if held and due:
			_renew(row, None)
