"""KB's part of the control API, under ``/_control/kb`` (README.md)."""

import re
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from cryptography import x509

from bank_api.sandbox.clock import iso_ms, parse_instant
from bank_api.sandbox.data import cents
from bank_api.sandbox.faults import Fault
from bank_api.sandbox.http import ControlError, ControlRoute
from bank_api.sandbox.kb import adaa, days
from bank_api.sandbox.kb.data import COMPANY, COMPANY_ID
from bank_api.sandbox.kb.model import ACSP, BOOKED, OPEN, SCOPES, Account, Batch, Entry, Grant, Payment, User
from bank_api.sandbox.kb.numbers import KB, make
from bank_api.sandbox.kb.visits import with_query
from bank_api.sandbox.kb.wire import FAULT_CODES, Problem, dumps, error_body, fault
from bank_api.sandbox.migdal.authority import IssueError, pem

if TYPE_CHECKING:
	from bank_api.sandbox.kb.provider import Kb

Values = dict[str, Any]
DOORS = ("kb", "kbapi", "kbpages")
_USER_FIELDS = {f.name for f in fields(User)} - {"id"}
_ACCOUNT_FIELDS = {"name", "product", "status", "payments"}


class KbControl:
	"""Handlers take the request's JSON (query parameters for GET); they hold the lock unless the route says no."""

	def __init__(self, kb: "Kb") -> None:
		self.kb, self.state, self.core = kb, kb.state, kb.core

	def info(self, values: Values) -> Values:
		"""Describe the listeners and what a client needs to begin."""
		return {
			"url": self.kb.url,
			"api_url": self.kb.api_url,
			"pages_url": self.kb.pages_url,
			"ca": self.kb.authority.pem,
			"public_key": self.state.key.public_pem,
			"api_keys": self.state.api_keys,
			"company": {"name": COMPANY, "id": COMPANY_ID},
			"today": str(self.state.today),
			"next_bank_day": str(days.next_bank_day(self.state.today)),
			"users": [asdict(user) for user in self.state.users.values()],
			"accounts": [self._account(account) for account in self.state.accounts.values()],
		}

	def get_switches(self, values: Values) -> Values:
		"""Show the switches."""
		return asdict(self.state.switches)

	def set_switches(self, values: Values) -> Values:
		"""Change switches."""
		try:
			self.state.switches.update(values)
		except ValueError as error:
			raise ControlError(400, str(error)) from error
		self.core.remember("kb_switches", asdict(self.state.switches))
		return asdict(self.state.switches)

	# certificates
	def issue(self, values: Values) -> Values:
		"""Issue a commercial certificate: ``csr``; ``days``, ``by``, ``other``, ``expired`` (spoilt ones meet the 403)."""
		now = self.state.moment
		begin = min(now, datetime.now(timezone.utc)) - timedelta(days=1)
		end = now + timedelta(days=float(values.get("days", 365)))
		if values.get("expired"):
			begin, end = now - timedelta(days=60), now - timedelta(days=1)
		try:
			chain = self.kb.authority.issue(
				values["csr"],
				begin.replace(microsecond=0),
				end.replace(microsecond=0),
				by=values.get("by", "I.CA"),
				other=bool(values.get("other")),
			)
		except IssueError as error:
			raise ControlError(400, str(error)) from error
		return {
			"certificate": pem(chain[0]),
			"chain": "".join(map(pem, chain)),
			"ca": self.kb.authority.pem,
			"serial": f"{chain[0].serial_number:X}",
		}

	def admit(self, values: Values) -> Values:
		"""Let a self-signed ``certificate`` (PEM) pass the handshake, so that it meets the bank's 403."""
		try:
			x509.load_pem_x509_certificate(values["certificate"].encode())
		except ValueError as error:
			raise ControlError(400, "certificate must be PEM") from error
		self.kb.admit(values["certificate"])
		return {"admitted": True}

	def revoke_certificate(self, values: Values, serial: str) -> Values:
		"""Revoke a certificate."""
		self.core.remember("kb_revoked", [*self.core.recall("kb_revoked", []), serial.upper().lstrip("0")])
		return {"revoked": serial}

	# applications and consents
	def add_app(self, values: Values) -> Values:
		"""Register an application without statement and pages: ``redirect_uris``; ``name``, ``scopes``."""
		wanted = {
			"clientName": values.get("name", "Test ERP"),
			"redirectUris": values["redirect_uris"],
			"scope": values.get("scopes", list(SCOPES[:3])),
			"encryptionKey": "A" * 43 + "=",
		}
		app, _ = self.kb.registration.register(wanted)
		return asdict(app)

	def list_apps(self, values: Values) -> Values:
		"""List the applications."""
		return {"apps": [asdict(app) for app in self.state.apps.values()]}

	def edit_app(self, values: Values, client_id: str) -> Values:
		"""Change one: ``active``, ``scopes``, ``redirect_uris``."""
		app = self.state.apps.get(client_id)
		if app is None:
			raise ControlError(404, "unknown application")
		_change(app, values, {"active", "scopes", "redirect_uris"})
		return asdict(self.state.put(app))

	def consent(self, values: Values) -> Values:
		"""Consent without the pages: ``client_id``; ``user``, ``scopes``, ``accounts``, ``redirect_uri``, ``state``."""
		app = self.state.apps.get(values["client_id"])
		if app is None:
			raise ControlError(404, "unknown application")
		user = self._user(values.get("user", next(iter(self.state.users))))
		accounts = values.get("accounts") or [a.iban for a in self.state.accounts_of(user)]
		redirect_uri = values.get("redirect_uri", app.redirect_uris[0])
		request = {"client_id": app.client_id, "scopes": values.get("scopes", app.scopes)}
		back = self.kb.visits.grant({**request, "redirect_uri": redirect_uri}, user, accounts)
		return {**back, "location": with_query(redirect_uri, **back, state=values.get("state", ""))}

	def list_grants(self, values: Values) -> Values:
		"""List the consents, without their tokens."""
		return {"grants": [_grant(grant) for grant in self.state.grants.values()]}

	def revoke_grant(self, values: Values, grant_id: str) -> Values:
		"""Revoke a consent."""
		grant = self.state.grants.get(grant_id)
		if grant is None:
			raise ControlError(404, "unknown consent")
		self.kb.caas.end(grant)
		return _grant(grant)

	def expire_tokens(self, values: Values) -> Values:
		"""Expire access tokens of a ``grant`` or of all; ``refresh`` true: the refresh tokens too."""
		count = 0
		for token in self.state.tokens.values():
			if values.get("grant") in (None, token.grant):
				token.expires = min(token.expires, self.state.now)
				self.state.put(token)
				count += 1
		for grant in self.state.grants.values():
			if values.get("refresh") and values.get("grant") in (None, grant.id):
				grant.refresh_expires = self.state.now
				self.state.put(grant)
		return {"tokens": count}

	# people and accounts
	def _user(self, user_id: str) -> User:
		user = self.state.users.get(user_id)
		if user is None:
			raise ControlError(404, "unknown user")
		return user

	def put_user(self, values: Values, user_id: str) -> Values:
		"""Make or change a person: ``name accounts channel blocked``, ``service_until`` (instant; 0 ends the service)."""
		user = self.state.users.get(user_id) or User(user_id, user_id, [])
		if isinstance(values.get("service_until"), str):
			values["service_until"] = parse_instant(values["service_until"])
		_change(user, values, _USER_FIELDS)
		return asdict(self.state.put(user))

	def _find_account(self, iban: str) -> Account:
		account = self.state.accounts.get(iban)
		if account is None:
			raise ControlError(404, "unknown account")
		return account

	def _account(self, account: Account) -> Values:
		return {
			**asdict(account),
			"opening": cents(account.opening),
			"balance": cents(self.state.balance(account)),
			"available": cents(self.state.balance(account, pending=True)),
			"account_id": adaa.account_id(account),
		}

	def add_account(self, values: Values) -> Values:
		"""Open an account: ``currency``, ``name``, ``product``, ``opening``; ``users`` who may act for it."""
		number = 300_000_000 + len(self.state.accounts)
		while (iban := make(f"{number:09d}", KB).iban) in self.state.accounts:
			number += 1
		account = Account(
			iban,
			values.get("currency", "CZK"),
			values.get("name", "Účet"),
			values.get("product", "Běžný účet"),
			_hundredths(values.get("opening", "0")),
		)
		for user_id in values.get("users", []):
			user = self._user(user_id)
			user.accounts = [*user.accounts, account.iban]
			self.state.put(user)
		return self._account(self.state.put(account))

	def edit_account(self, values: Values, iban: str) -> Values:
		"""Change an account: ``status`` (active, blocked, closed), ``payments``, ``name``, ``product``, ``opening``."""
		account = self._find_account(iban)
		if "opening" in values:
			account.opening = _hundredths(values.pop("opening"))
		_change(account, values, _ACCOUNT_FIELDS)
		self.state.put(account)
		return self._account(account)

	# transactions
	def list_entries(self, values: Values, iban: str) -> Values:
		"""List an account's transactions."""
		account = self._find_account(iban)
		found = [self._entry(entry) for entry in self.state.entries_of(iban)]
		return {"transactions": found, **self._account(account)}

	@staticmethod
	def _entry(entry: Entry) -> Values:
		return {**asdict(entry), "amount": cents(entry.amount)}

	def add_entries(self, values: Values, iban: str) -> Values:
		"""Add ``amount``, ``date``, ``status`` (BOOK, PNG), ``count`` twins, ``extra`` (raw members)."""
		account = self._find_account(iban)
		members = {"transactionType": "DOMESTIC", "references": {}, **values.get("extra", {})}
		day = str(values.get("date", self.state.today))
		amount = _hundredths(values["amount"])
		status = values.get("status", BOOKED)
		made = [
			self.state.add_entry(iban, status, day, amount, dict(members))
			for _ in range(int(values.get("count", 1)))
		]
		self.kb.events.changed(iban)
		return {"transactions": [self._entry(entry) for entry in made], **self._account(account)}

	def _find_entry(self, key: int) -> Entry:
		entry = self.state.entries.get(key)
		if entry is None:
			raise ControlError(404, "unknown transaction")
		return entry

	def edit_entry(self, values: Values, key: int) -> Values:
		"""Change one: ``amount``, ``date``, ``status`` (a pending one is booked), ``extra`` (null removes a member)."""
		entry = self._find_entry(key)
		entry.day = str(values.get("date", entry.day))
		entry.status = values.get("status", entry.status)
		if "amount" in values:
			entry.amount = _hundredths(values["amount"])
		members = {**entry.data, **values.get("extra", {})}
		entry.data = {name: value for name, value in members.items() if value is not None}
		entry.updated = self.state.now
		self.state.put(entry)
		self.kb.events.changed(entry.account)
		return self._entry(entry)

	def drop_entry(self, values: Values, key: int) -> Values:
		"""Remove one."""
		entry = self._find_entry(key)
		self.state.drop_entry(entry)
		self.kb.events.changed(entry.account)
		return {"deleted": key}

	# batches
	def _batch(self, batch_id: str) -> Batch:
		batch = self.state.batches.get(batch_id)
		if batch is None:
			raise ControlError(404, "unknown batch")
		return batch

	def _shown(self, batch: Batch) -> Values:
		payments = [self._payment(payment) for payment in self.state.payments_of(batch)]
		return {**asdict(batch), "payments": payments}

	@staticmethod
	def _payment(payment: Payment) -> Values:
		return {**asdict(payment), "amount": cents(payment.amount)}

	def list_batches(self, values: Values) -> Values:
		"""List the batches, without their payments; ``exchange``, ``status`` filter."""
		wanted = {name: values[name] for name in ("exchange", "status", "app") if name in values}
		found = [
			asdict(batch)
			for batch in self.state.batches.values()
			if all(getattr(batch, name) == value for name, value in wanted.items())
		]
		return {"batches": found}

	def show_batch(self, values: Values, batch_id: str) -> Values:
		"""Show one with its payments."""
		return self._shown(self._batch(batch_id))

	def decide(self, values: Values, batch_id: str) -> Values:
		"""Decide without the pages: ``action`` authorise, refuse, expire; ``user`` (who sent it)."""
		batch = self._batch(batch_id)
		if batch.sign_state != OPEN:
			raise ControlError(409, f"the batch is {batch.status}, its signature {batch.sign_state}")
		user = self._user(values.get("user", batch.user))
		action = values.get("action", "authorise")
		if action == "expire":
			self.kb.batches.expire(batch)
		elif not self.kb.batches.may_sign(batch, user):
			raise ControlError(403, "this person may not decide")
		elif action == "authorise":
			self.kb.batches.authorise(batch, user)
		elif action == "refuse":
			self.kb.batches.refuse(batch, user)
		else:
			raise ControlError(400, "action must be authorise, refuse or expire")
		return self._shown(batch)

	def settle(self, values: Values) -> Values:
		"""Settle everything authorised at once, whatever its day; or let ``days`` bank days pass, each to its evening."""
		for _ in range(int(values.get("days", 0))):
			evening = days.at(self.state.today, 19)
			if evening <= self.state.now or not days.is_bank_day(self.state.today):
				evening = days.at(days.next_bank_day(self.state.today), 19)
			self.core.clock.set(evening)
			self.core.remember("clock", self.core.clock.export())
			self.kb.batches.catch_up()
		if "days" not in values:
			for batch in list(self.state.batches.values()):
				if batch.status == ACSP:
					self.kb.batches.settle(batch, force=True)
		return {"now": iso_ms(self.state.now), "today": str(self.state.today)}

	def book(self, values: Values) -> Values:
		"""Show what the bank holds of payments: each with its batch, status and count of bookings, and what is there twice.

		``exchange``, ``status``, ``app`` filter; ``rows`` false leaves the payments out. ``repeated`` lists payments of
		the same content in more than one batch; ``booked_twice`` those with more than one line in the account.
		"""
		lines: dict[str, int] = {}
		for entry in self.state.entries.values():
			if entry.payment and entry.status == BOOKED:
				lines[entry.payment] = lines.get(entry.payment, 0) + 1
		rows: list[Values] = []
		places: dict[str, list[str]] = {}
		totals: dict[str, int] = {}
		for payment in self.state.payments.values():
			batch = self.state.batches[payment.batch]
			row = {
				**self._payment(payment),
				"exchange": batch.exchange,
				"app": batch.app,
				"sign_state": batch.sign_state,
				"bookings": lines.get(payment.key, 0),
			}
			if any(values.get(name) not in (None, row[name]) for name in ("exchange", "status", "app")):
				continue
			rows.append(row)
			totals[payment.status] = totals.get(payment.status, 0) + payment.amount
			places.setdefault(_content(payment, batch), []).append(payment.key)
		return {
			"payments": rows if values.get("rows", True) else [],
			"count": len(rows),
			"batches": len({row["batch"] for row in rows}),
			"totals": {status: cents(amount) for status, amount in totals.items()},
			"repeated": [
				keys for keys in places.values() if len({key.partition(":")[0] for key in keys}) > 1
			],
			"booked_twice": [row["key"] for row in rows if row["bookings"] > 1],
		}

	# events and failures
	def list_subscriptions(self, values: Values) -> Values:
		"""List the subscriptions with the events that were sent."""
		return {"subscriptions": [asdict(found) for found in self.state.subscriptions.values()]}

	def nudge(self, values: Values) -> Values:
		"""Send what waits without the five minutes; ``account`` gives its subscribers something to be told."""
		if "account" in values:
			with self.core.lock:
				self.kb.events.changed(values["account"])
		return {"sent": self.kb.events.send_due(at_once=True)}

	def fail(self, values: Values) -> Values:
		"""Make the next matching calls fail: ``status``, ``path``, ``method``, ``times``; ``code`` gives KB's body, without it the gateway's XML."""
		status = int(values.get("status", 500))
		if values.get("code"):
			problem = Problem(
				values["code"], values.get("field", ""), values.get("text", "A failure on demand")
			)
			body = dumps(error_body([problem], values.get("form", self.state.switches.error_form)))
			kind = "application/json"
		else:
			body = fault(*FAULT_CODES.get(status, ("900900", "A failure on demand")), values.get("text", ""))
			kind = "application/xml"
		rule = Fault(
			kind="status",
			path=values.get("path", "/(directapi|adaa|oauth2)/"),
			method=values.get("method"),
			times=int(values.get("times", 1)),
			status=status,
			retry_after=values.get("retry_after"),
			body=body,
			content_type=kind,
			execute=bool(values.get("execute")),
		)
		return asdict(self.core.faults.add(rule))

	def forget_downloads(self, values: Values) -> Values:
		"""Forget what counts against the 61 minutes and the limit of token requests."""
		self.kb.adaa.forget_downloads()
		self.core.limiter.reset()
		return {"downloads": "forgotten"}

	def requests(self, values: Values) -> Values:
		"""Show the calls of the three listeners."""
		calls = self.core.calls.read(values.get("path"), int(values.get("since", 0)), 20000)
		found = [call for call in calls if call.get("door") in DOORS]
		return {"requests": found[-int(values.get("limit", 1000)) :]}

	def routes(self) -> list[ControlRoute]:
		"""Return the calls."""
		pairs: list[tuple[str, str, Callable[..., Values]]] = [
			("GET", "", self.info),
			("GET", "/switches", self.get_switches),
			("PATCH", "/switches", self.set_switches),
			("POST", "/issue", self.issue),
			("POST", "/admit", self.admit),
			("POST", "/certificates/<serial>/revoke", self.revoke_certificate),
			("GET", "/apps", self.list_apps),
			("POST", "/apps", self.add_app),
			("PATCH", "/apps/<client_id>", self.edit_app),
			("POST", "/consents", self.consent),
			("GET", "/consents", self.list_grants),
			("DELETE", "/consents/<grant_id>", self.revoke_grant),
			("POST", "/tokens/expire", self.expire_tokens),
			("POST", "/users/<user_id>", self.put_user),
			("POST", "/accounts", self.add_account),
			("PATCH", "/accounts/<iban>", self.edit_account),
			("GET", "/accounts/<iban>/transactions", self.list_entries),
			("POST", "/accounts/<iban>/transactions", self.add_entries),
			("PATCH", "/transactions/<int:key>", self.edit_entry),
			("DELETE", "/transactions/<int:key>", self.drop_entry),
			("GET", "/batches", self.list_batches),
			("GET", "/batches/<batch_id>", self.show_batch),
			("POST", "/batches/<batch_id>", self.decide),
			("POST", "/settle", self.settle),
			("GET", "/book", self.book),
			("GET", "/subscriptions", self.list_subscriptions),
			("POST", "/fail", self.fail),
			("DELETE", "/downloads", self.forget_downloads),
			("GET", "/requests", self.requests),
		]
		routes = [ControlRoute(method, f"/kb{path}", handler) for method, path, handler in pairs]
		return [*routes, ControlRoute("POST", "/kb/nudge", self.nudge, locked=False)]


def _change(record: Any, values: Values, known: set[str]) -> None:
	unknown = set(values) - known
	if unknown:
		raise ControlError(400, f"unknown fields: {', '.join(sorted(unknown))}")
	for name, value in values.items():
		setattr(record, name, value)


def _hundredths(value: Any) -> int:
	found = re.fullmatch(r"(-?)(\d{1,15})(?:\.(\d{1,2}))?", str(value))
	if found is None:
		raise ControlError(400, "an amount such as -12.50 is expected")
	return int(f"{found[1]}{found[2]}{(found[3] or '').ljust(2, '0')}")


def _grant(grant: Grant) -> Values:
	shown = {name: value for name, value in asdict(grant).items() if name not in ("code", "refresh")}
	return {**shown, "has_refresh": bool(grant.refresh)}


def _content(payment: Payment, batch: Batch) -> str:
	"""What makes two payments the same to the client: everything it sent but the batch they came in."""
	parts = (batch.app, payment.own, payment.partner, payment.amount, payment.currency, payment.day)
	return repr((*parts, payment.collection, sorted(payment.details.items())))
