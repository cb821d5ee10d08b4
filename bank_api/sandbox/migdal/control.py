"""Migdal's part of the control API, under ``/_control/migdal`` (README.md)."""

from dataclasses import asdict, fields
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from bank_api.sandbox.clock import EPOCH, parse_instant
from bank_api.sandbox.data import generator
from bank_api.sandbox.faults import Fault
from bank_api.sandbox.http import ControlError, ControlRoute
from bank_api.sandbox.migdal import data, errors
from bank_api.sandbox.migdal.authority import SIGNING, TRANSPORT, IssueError, pem
from bank_api.sandbox.migdal.deviations import DEVIATIONS
from bank_api.sandbox.migdal.flow import with_query
from bank_api.sandbox.migdal.model import (
	COMPANIES,
	LOAN,
	OPEN,
	STATUSES,
	Account,
	Consent,
	Entry,
	Psu,
	Usage,
)

if TYPE_CHECKING:
	from bank_api.sandbox.migdal.provider import Migdal

_USAGES = {"transport": TRANSPORT, "qwac": TRANSPORT, "signing": SIGNING, "qseal": SIGNING}
_PSU_FIELDS = {f.name for f in fields(Psu)} - {"id"}
Values = dict[str, Any]


class MigdalControl:
	"""Handlers take the request's JSON (query parameters for GET); they hold the lock."""

	def __init__(self, migdal: "Migdal") -> None:
		self.migdal, self.state, self.core = migdal, migdal.state, migdal.core

	def info(self, values: Values) -> Values:
		"""Describe the listeners and what a client needs to begin."""
		return {
			"url": self.migdal.url,
			"pages_url": self.migdal.pages_url,
			"ca": self.migdal.authority.pem,
			"issuers": {usage: self.migdal.authority.trusted[usage].pem for usage in (TRANSPORT, SIGNING)},
			"companies": COMPANIES,
			"psus": [asdict(psu) for psu in self.state.psus.values()],
		}

	def get_switches(self, values: Values) -> Values:
		"""Show the switches."""
		return asdict(self.state.switches)

	def set_switches(self, values: Values) -> Values:
		"""Change switches."""
		unknown = set(values.get("deviations", [])) - set(DEVIATIONS)
		if unknown:
			raise ControlError(400, f"unknown deviations: {', '.join(sorted(unknown))}")
		try:
			self.state.switches.update(values)
		except ValueError as error:
			raise ControlError(400, str(error)) from error
		self.migdal.remember_switches()
		return asdict(self.state.switches)

	# certificates
	def issue(self, values: Values) -> Values:
		"""Issue from a request: ``csr``, ``usage``; ``days``, ``roles``, ``expired``, ``other``, ``by`` spoil it."""
		usage = _usage(values["usage"])
		now = self.state.moment
		begin = min(now, datetime.now(timezone.utc)) - timedelta(days=1)
		end = now + timedelta(days=float(values.get("days", 365)))
		if values.get("expired"):
			begin, end = now - timedelta(days=60), now - timedelta(days=1)
		begin = _instant(values.get("not_before"), begin)
		end = _instant(values.get("not_after"), end)
		try:
			chain = self.migdal.authority.issue(
				values["csr"],
				usage,
				begin.replace(microsecond=0),
				end.replace(microsecond=0),
				roles=values.get("roles"),
				other=bool(values.get("other")),
				issuer_usage=_usage(values["by"]) if "by" in values else None,
			)
		except IssueError as error:
			raise ControlError(400, str(error)) from error
		leaf = chain[0]
		return {
			"certificate": pem(leaf),
			"chain": "".join(map(pem, chain)),
			"ca": self.migdal.authority.pem,
			"serial": f"{leaf.serial_number:X}",
			"not_before": begin.isoformat(),
			"not_after": end.isoformat(),
		}

	def set_serial(self, values: Values, serial: str) -> Values:
		"""Revoke or block a certificate, or make it good again."""
		status = values["status"]
		if status not in ("revoked", "blocked", "good"):
			raise ControlError(400, "status must be revoked, blocked or good")
		known = {**self.core.recall("migdal_serials", {}), serial.upper().lstrip("0"): status}
		self.core.remember("migdal_serials", known)
		return {"serial": serial, "status": status}

	# customers
	def list_psus(self, values: Values) -> Values:
		"""List the customers with what they have."""
		return {"psus": [self._psu(psu) for psu in self.state.psus.values()]}

	def _psu(self, psu: Psu) -> Values:
		accounts = [asdict(a) for a in self.state.accounts.values() if a.psu == psu.id]
		return {**asdict(psu), "accounts": accounts}

	def _find_psu(self, psu_id: str) -> Psu:
		psu = self.state.psus.get(psu_id)
		if psu is None:
			raise ControlError(404, "unknown customer")
		return psu

	def show_psu(self, values: Values, psu_id: str) -> Values:
		"""Show one customer."""
		return self._psu(self._find_psu(psu_id))

	def put_psu(self, values: Values, psu_id: str) -> Values:
		"""Make or change a customer: ``name``, ``signers``, ``blocked``, ``declines``, ``max_days``."""
		unknown = set(values) - _PSU_FIELDS
		if unknown:
			raise ControlError(400, f"unknown fields: {', '.join(sorted(unknown))}")
		psu = self.state.psus.get(psu_id) or Psu(psu_id, f"לקוח {psu_id}")
		for name, value in values.items():
			setattr(psu, name, value)
		self.core.store.put(psu)
		return self._psu(psu)

	def add_account(self, values: Values, psu_id: str) -> Values:
		"""Give a customer a loan (or ``type`` account, card): ``number``, ``company``, ``opening``, ``transactions``."""
		psu, rest = self._find_psu(psu_id), dict(values)
		number = str(rest.pop("number", "") or 3_000_000_000 + self.core.number("migdal_loan", 1))
		if number in self.state.accounts:
			raise ControlError(409, "this number exists")
		company, kind = rest.pop("company", data.INSURANCE), rest.pop("type", LOAN)
		if company not in COMPANIES or kind not in ("loan", "account", "card"):
			raise ControlError(400, "unknown company or type")
		count = int(rest.pop("transactions", 24))
		account = self._made(psu, number, company, kind)
		account.opening = str(rest.pop("opening", account.opening))
		account.currency = rest.pop("currency", account.currency)
		account.details |= rest.pop("details", {})
		if rest:
			raise ControlError(400, f"unknown fields: {', '.join(sorted(rest))}")
		self.state.add_account(account, count)
		return asdict(account)

	def _made(self, psu: Psu, number: str, company: str, kind: str) -> Account:
		if kind == LOAN:
			rng = generator(self.core.options.seed, "migdal", number)
			return data.loan(rng, number, psu.id, company, self.state.today)
		details: Values = {"name": "חשבון", "usage": "PRIV"}
		if kind == "card":
			details |= {"maskedPan": number}
		else:
			details |= {"iban": number, "cashAccountType": "CACC"}
		return Account(number, psu.id, company, kind, details=details)

	def _find_account(self, number: str) -> Account:
		account = self.state.accounts.get(number)
		if account is None:
			raise ControlError(404, "unknown account")
		return account

	def edit_account(self, values: Values, number: str) -> Values:
		"""Change an account: ``status``, ``opening``, ``currency``, and ``details`` (raw members; null removes one)."""
		account = self._find_account(number)
		for name, value in values.items():
			if name == "details":
				merged = account.details | value
				account.details = {key: found for key, found in merged.items() if found is not None}
			elif name in ("status", "opening", "currency", "psu"):
				setattr(account, name, str(value))
			else:
				raise ControlError(400, f"unknown field {name}")
		self.core.store.put(account)
		return asdict(account)

	def drop_account(self, values: Values, number: str) -> Values:
		"""Remove an account with its transactions."""
		account = self._find_account(number)
		for entry in list(self.state.entries_of(number).values()):
			self.state.drop_entry(entry)
		self.core.store.drop(account)
		return {"deleted": number}

	# transactions
	def list_entries(self, values: Values, number: str) -> Values:
		"""List an account's transactions, with its balance."""
		account = self._find_account(number)
		rows = [asdict(entry) for entry in self.state.entries_of(number).values()]
		return {"transactions": rows, "balance": f"{self.migdal.views.booked_sum(account):.2f}"}

	def add_entries(self, values: Values, number: str) -> Values:
		"""Add ``transactions`` (or one): ``amount``, ``date``, ``status``, ``text``, ``extra`` raw members; ``count`` twins."""
		account = self._find_account(number)
		rows = values.get("transactions") or [values]
		made = []
		for row in rows:
			for _ in range(int(row.get("count", 1))):
				made.append(asdict(self._add_entry(account, row)))
		return {"transactions": made}

	def _add_entry(self, account: Account, row: Values) -> Entry:
		day = str(row.get("date", self.state.today))
		status = row.get("status", "booked")
		number = self.core.number("migdal_added", 1)
		card = account.type == "card"
		found: Values = {
			"cardTransactionId" if card else "transactionId": f"A{number:07d}",
			"transactionAmount": {"currency": account.currency, "amount": str(row["amount"])},
			"transactionDetails" if card else "remittanceInformationUnstructured": row.get("text", "תנועה"),
		}
		if not card:
			found |= {"entryReference": f"A{number:07d}", "valueDate": day}
		if status == "booked":
			found["bookingDate"] = day
		merged = found | row.get("extra", {})
		merged = {name: value for name, value in merged.items() if value is not None}
		return self.state.add_entry(account.number, status, day, merged)

	def _find_entry(self, key: int) -> Entry:
		entry = self.state.entries.get(key)
		if entry is None:
			raise ControlError(404, "unknown transaction")
		return entry

	def edit_entry(self, values: Values, key: int) -> Values:
		"""Change a transaction: ``status``, ``date``, ``amount``, ``text``, ``extra`` (null removes a member)."""
		entry = self._find_entry(key)
		entry.status, entry.date = values.get("status", entry.status), str(values.get("date", entry.date))
		if "amount" in values:
			entry.data["transactionAmount"] = {
				**entry.data["transactionAmount"],
				"amount": str(values["amount"]),
			}
		if "text" in values:
			name = (
				"transactionDetails"
				if "cardTransactionId" in entry.data
				else "remittanceInformationUnstructured"
			)
			entry.data[name] = values["text"]
		merged = entry.data | values.get("extra", {})
		entry.data = {name: value for name, value in merged.items() if value is not None}
		self.core.store.put(entry)
		return asdict(entry)

	def book_entry(self, values: Values, key: int) -> Values:
		"""Book what was pending: ``date``, ``amount``; ``new_id`` gives it another id."""
		entry = self._find_entry(key)
		entry.status, entry.date = "booked", str(values.get("date", self.state.today))
		entry.data["bookingDate"] = entry.date
		if values.get("new_id") and "transactionId" in entry.data:
			entry.data["transactionId"] = f"B{self.core.number('migdal_added', 1):07d}"
		return self.edit_entry({name: values[name] for name in ("amount", "text") if name in values}, key)

	def drop_entry(self, values: Values, key: int) -> Values:
		"""Remove a transaction."""
		self.state.drop_entry(self._find_entry(key))
		return {"deleted": key}

	# consents
	def _find_consent(self, consent_id: str) -> Consent:
		consent = self.state.consents.get(consent_id)
		if consent is None:
			raise ControlError(404, "unknown consent")
		return self.state.catch_up(consent)

	def _consent(self, consent: Consent) -> Values:
		authorisations = [asdict(a) for a in self.state.authorisations_of(consent)]
		tokens = sum(1 for _ in self.state.tokens_of(consent))
		return {**asdict(consent), "authorisations": authorisations, "tokens": tokens}

	def list_consents(self, values: Values) -> Values:
		"""List the consents."""
		return {"consents": [self._consent(self.state.catch_up(c)) for c in self.state.consents.values()]}

	def show_consent(self, values: Values, consent_id: str) -> Values:
		"""Show one."""
		return self._consent(self._find_consent(consent_id))

	def force_status(self, values: Values, consent_id: str) -> Values:
		"""Force a status, known or not: ``suspendedByASPSP``, ``revokedByPsu``, ``valid``, …"""
		consent = self._find_consent(consent_id)
		self.state.set_status(consent, str(values["status"]))
		return {**self._consent(consent), "known": consent.status in STATUSES}

	def edit_consent(self, values: Values, consent_id: str) -> Values:
		"""Change what was granted: ``valid_until``, ``frequency``, ``loans`` (numbers)."""
		consent = self._find_consent(consent_id)
		if "valid_until" in values:
			consent.valid_until = str(date.fromisoformat(values["valid_until"]))
		if "frequency" in values:
			consent.frequency = int(values["frequency"])
		if "loans" in values:
			consent.granted = {right: list(values["loans"]) for right in consent.asked}
		self.core.store.put(consent)
		return self._consent(consent)

	def approve(self, values: Values, consent_id: str) -> Values:
		"""Approve without the pages, every signer at once: ``loans``, ``valid_until``, ``state``, ``code_challenge``."""
		consent = self._find_consent(consent_id)
		if consent.status not in OPEN:
			raise ControlError(409, f"the consent is {consent.status}")
		consent.psu = consent.psu or str(values["psu"])
		offered = [account.number for account in self.state.accounts_of(consent)]
		wanted = values.get("loans") or (offered if consent.bank_offered else consent.asked["accounts"])
		if not wanted or set(wanted) - set(offered):
			raise ControlError(400, "these are not the customer's")
		for signer in self.migdal.views.signers(consent):
			waiting = [
				a for a in self.state.authorisations_of(consent) if a.status not in ("finalised", "failed")
			]
			authorisation = waiting[0] if waiting else self.migdal.consents.authorise(consent)
			authorisation.psu = signer
			self.state.set_sca(authorisation, "finalised")
		self.migdal.flow.grant(
			consent, wanted, date.fromisoformat(values.get("valid_until", consent.valid_until))
		)
		self.migdal.flow.make_valid(consent)
		code = self.migdal.flow.code_for(consent, consent.redirect_uri, values.get("code_challenge", ""))
		location = with_query(consent.redirect_uri, code=code.value, state=values.get("state", ""))
		return {**self._consent(consent), "code": code.value, "location": location}

	# tokens and limits
	def expire_tokens(self, values: Values) -> Values:
		"""Expire access tokens of a ``consent`` or of all; ``refresh`` true the refresh tokens too; ``revoke`` kills both."""
		count = 0
		for token in self.state.tokens.values():
			if values.get("consent") in (None, token.consent) and token.state == "active":
				token.expires = min(token.expires, self.state.now)
				if values.get("refresh"):
					token.refresh_expires = self.state.now
				if values.get("revoke"):
					token.state = "revoked"
				self.core.store.put(token)
				count += 1
		return {"tokens": count}

	def reset_usage(self, values: Values) -> Values:
		"""Forget what was read today."""
		for usage in list(self.core.store.table(Usage).values()):
			self.core.store.drop(usage)
		return {"usage": "reset"}

	def show_usage(self, values: Values) -> Values:
		"""Show how often what was read."""
		return {"usage": {usage.key: usage.count for usage in self.state.usage.values()}}

	def fail(self, values: Values) -> Values:
		"""Make the next matching calls answer a message code: ``code``, ``status``, ``path``, ``times``, ``form``, ``text``."""
		code, status = values.get("code", "INTERNAL_SERVER_ERROR"), int(values.get("status", 401))
		text, content_type = errors.body(
			code, values.get("text", "A failure on demand."), None, values.get("form", "tpp")
		)
		rule = Fault(
			kind="status",
			path=values.get("path", ".*"),
			method=values.get("method"),
			times=int(values.get("times", 1)),
			status=status,
			retry_after=values.get("retry_after"),
			body=text,
			content_type=content_type,
		)
		return asdict(self.core.faults.add(rule))

	def requests(self, values: Values) -> Values:
		"""Show the calls of both listeners; those of the API carry the signing string that was built."""
		calls = self.core.calls.read(values.get("path"), int(values.get("since", 0)), 20000)
		found = [call for call in calls if call.get("door") in ("migdal", "pages")]
		return {"requests": found[-int(values.get("limit", 1000)) :]}

	def routes(self) -> list[ControlRoute]:
		"""Return the calls."""
		pairs = [
			("GET", "", self.info),
			("GET", "/switches", self.get_switches),
			("PATCH", "/switches", self.set_switches),
			("POST", "/issue", self.issue),
			("POST", "/certificates/<serial>", self.set_serial),
			("GET", "/psus", self.list_psus),
			("GET", "/psus/<psu_id>", self.show_psu),
			("POST", "/psus/<psu_id>", self.put_psu),
			("POST", "/psus/<psu_id>/accounts", self.add_account),
			("PATCH", "/accounts/<number>", self.edit_account),
			("DELETE", "/accounts/<number>", self.drop_account),
			("GET", "/accounts/<number>/transactions", self.list_entries),
			("POST", "/accounts/<number>/transactions", self.add_entries),
			("PATCH", "/transactions/<int:key>", self.edit_entry),
			("POST", "/transactions/<int:key>/book", self.book_entry),
			("DELETE", "/transactions/<int:key>", self.drop_entry),
			("GET", "/consents", self.list_consents),
			("GET", "/consents/<consent_id>", self.show_consent),
			("PATCH", "/consents/<consent_id>", self.edit_consent),
			("POST", "/consents/<consent_id>/status", self.force_status),
			("POST", "/consents/<consent_id>/approve", self.approve),
			("POST", "/tokens/expire", self.expire_tokens),
			("GET", "/usage", self.show_usage),
			("DELETE", "/usage", self.reset_usage),
			("POST", "/fail", self.fail),
			("GET", "/requests", self.requests),
		]
		return [ControlRoute(method, f"/migdal{path}", handler) for method, path, handler in pairs]


def _usage(text: str) -> str:
	if text.lower() not in _USAGES:
		raise ControlError(400, "usage must be Transport or Signing")
	return _USAGES[text.lower()]


def _instant(text: str | None, default: datetime) -> datetime:
	return EPOCH + timedelta(milliseconds=parse_instant(text)) if text else default
