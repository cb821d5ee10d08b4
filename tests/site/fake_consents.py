"""A provider of consents that keeps its state in a file, so that threads and processes see the same one.

It is strict where the real ones are: a code and a refresh token serve once, a renewal kills both old tokens, and only a
valid consent has tokens.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from bank_api.connectors.errors import (
	OBJECT,
	AuthenticationExpired,
	ConsentRequired,
	InvalidRequest,
	NotFound,
	ProviderTimeout,
	ProviderUnavailable,
	RateLimited,
	RefreshRefused,
	TokenRefused,
	Unsupported,
)
from bank_api.connectors.model import (
	AccountData,
	Authorisation,
	ConsentData,
	ConsentStanding,
	ConsentStatus,
	CreatedConsent,
	ItemData,
	ItemStatus,
	LinkReturn,
	Secret,
	TokenHolder,
	TokenPair,
	TransactionData,
	TransactionPage,
	TransactionStatus,
	UserAction,
)

ENVIRONMENT = "FAKE_CONSENTS"
STANDING = {
	"received": ConsentStanding.WAITING,
	"partiallyAuthorised": ConsentStanding.WAITING,
	"valid": ConsentStanding.VALID,
	"suspendedByASPSP": ConsentStanding.SUSPENDED,
	"rejected": ConsentStanding.ENDED,
	"revokedByPsu": ConsentStanding.ENDED,
	"expired": ConsentStanding.ENDED,
	"terminatedByTpp": ConsentStanding.ENDED,
}
COMPANIES = {"520004896": "Migdal Insurance", "512237744": "Migdal Makefet"}


class FakeBank:
	"""The provider's side: what it knows, and what it was asked."""

	def __init__(self, path: str):
		self.path = path
		with self._database() as database:
			database.execute("create table if not exists state (key text primary key, value text)")
			database.execute("create table if not exists calls (name text, detail text)")

	@contextlib.contextmanager
	def _database(self) -> Iterator[sqlite3.Connection]:
		database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
		try:
			database.execute("begin immediate")
			yield database
			database.execute("commit")
		finally:
			database.close()

	def get(self, key: str, default: Any = None) -> Any:
		with self._database() as database:
			row = database.execute("select value from state where key = ?", (key,)).fetchone()
		return json.loads(row[0]) if row else default

	def put(self, key: str, value: Any) -> None:
		with self._database() as database:
			database.execute("replace into state values (?, ?)", (key, json.dumps(value)))

	def called(self, name: str, detail: Any = None) -> None:
		with self._database() as database:
			database.execute("insert into calls values (?, ?)", (name, json.dumps(detail)))
		if name in self.get("down", []):
			raise ProviderUnavailable("The fake bank is down.")

	def calls(self, name: str) -> list[Any]:
		with self._database() as database:
			rows = database.execute("select detail from calls where name = ?", (name,)).fetchall()
		return [json.loads(row[0]) for row in rows]

	def forget_calls(self) -> None:
		with self._database() as database:
			database.execute("delete from calls")

	def consent(self, consent_id: str) -> dict[str, Any]:
		found = self.get(f"consent:{consent_id}")
		if found is None:
			raise NotFound("There is no such consent.", provider_code="CONSENT_UNKNOWN")
		return found

	def change(self, consent_id: str, **values: Any) -> None:
		self.put(f"consent:{consent_id}", self.consent(consent_id) | values)

	def approve(
		self, consent_id: str, *, loans: list[str] | None = None, days: int | None = None
	) -> dict[str, str]:
		"""The end user approves; what the browser then brings back."""
		consent = self.consent(consent_id)
		code = secrets.token_urlsafe(20)
		changes: dict[str, Any] = {"status": "valid", "code": code}
		if loans is not None or not consent["references"]:
			changes["references"] = loans if loans is not None else ["1000056782"]
		if days is not None:
			changes["valid_until"] = (date.today() + timedelta(days=days)).isoformat()
		self.change(consent_id, **changes)
		return {"code": code, "state": consent["state"]}

	def pair(self, consent_id: str) -> TokenPair:
		"""New tokens of a consent; the ones before are dead."""
		access, refresh = (secrets.token_urlsafe(24) for _ in range(2))
		life = self.get("life", 86_400)
		ends = datetime.now(timezone.utc) + timedelta(seconds=life)
		self.change(consent_id, access=access, refresh=refresh, ends=ends.isoformat())
		return TokenPair(Secret(access), Secret(refresh), ends, None, f"AIS:{consent_id}")


class FakeConnector:
	"""Our side of it, as a `ConsentConnector`."""

	token_holder = TokenHolder.CONSENT
	reads_by_date = True
	shortest_interval = timedelta(0)
	names_end_user = True
	advice = ""
	tells_end = True

	def __init__(self, config: Any, ledger: Any):
		self.config = config
		self.bank = FakeBank(os.environ[ENVIRONMENT])

	def companies(self) -> dict[str, str]:
		return COMPANIES

	def create_user(self, external_user_id: str) -> str:
		return external_user_id

	def delete_user(self, provider_user_id: str) -> None:
		raise Unsupported("There are no users.")

	def bank_name(self, bank_id: str) -> str:
		return COMPANIES[bank_id]

	def categories(self, language: str = "en") -> str:
		raise Unsupported("There are no categories.")

	def parse_return(self, query: Any) -> LinkReturn:
		code = query.get("code")
		return LinkReturn(
			context=query.get("state"),
			success=bool(code),
			code=Secret(code) if code else None,
			error=query.get("error"),
		)

	# consents

	def create_consent(self, request: Any) -> CreatedConsent:
		self.bank.called("create_consent", {"references": request.references, "psu": bool(request.psu_id)})
		number = self.bank.get("consents", 0) + 1
		self.bank.put("consents", number)
		consent_id = f"consent-{number:04d}-{secrets.token_hex(6)}"
		self.bank.put(
			f"consent:{consent_id}",
			{
				"status": "received",
				"company": request.company,
				"references": list(request.references),
				"valid_until": request.valid_until.isoformat(),
				"frequency": request.frequency_per_day,
				"recurring": request.recurring,
				"state": request.state,
				"redirect_url": request.redirect_url,
				"challenge": request.code_challenge,
				"presence": request.presence.ip if request.presence else "",
			},
		)
		link = "" if self.bank.get("several_signers") else self._link(consent_id, request.state)
		return CreatedConsent(consent_id, "received", link, "REDIRECT", "id", self._payload(consent_id))

	def _link(self, consent_id: str, state: str) -> str:
		return f"https://fake.example/authorize?scope=AIS:{consent_id}&state={state}"

	def _payload(self, consent_id: str) -> str:
		consent = self.bank.consent(consent_id)
		return json.dumps(
			{
				"consentId": consent_id,
				"consentStatus": consent["status"],
				"validUntil": consent["valid_until"],
			}
		)

	def consent(self, consent_id: str, presence: Any = None) -> ConsentData:
		self.bank.called("consent", presence.ip if presence else "")
		found = self.bank.consent(consent_id)
		return ConsentData(
			consent_id,
			found["status"],
			self._standing(found),
			date.fromisoformat(found["valid_until"]),
			found["frequency"],
			tuple(found["references"]),
			self._payload(consent_id),
			found["recurring"],
		)

	def _standing(self, found: dict[str, Any]) -> ConsentStanding:
		return STANDING.get(found["status"], ConsentStanding.SUSPENDED)

	def consent_status(self, consent_id: str, presence: Any = None) -> ConsentStatus:
		self.bank.called("consent_status", presence.ip if presence else "")
		found = self.bank.consent(consent_id)
		return ConsentStatus(found["status"], self._standing(found))

	def delete_consent(self, consent_id: str) -> None:
		self.bank.called("delete_consent", consent_id)
		with contextlib.suppress(NotFound):
			if self._standing(self.bank.consent(consent_id)) is not ConsentStanding.ENDED:
				self.bank.change(consent_id, status="terminatedByTpp")

	def authorisations(self, consent_id: str) -> list[Authorisation]:
		self.bank.called("authorisations", consent_id)
		found = self.bank.consent(consent_id).get("authorisations", [])
		return [Authorisation(one, status, status == "finalised") for one, status in found]

	def start_authorisation(self, consent_id: str, **arguments: Any) -> Authorisation:
		found = self.bank.consent(consent_id)
		listed = [
			*found.get("authorisations", []),
			(f"auth-{len(found.get('authorisations', []))}", "received"),
		]
		self.bank.change(
			consent_id,
			authorisations=listed,
			state=arguments["state"],
			challenge=arguments["code_challenge"],
			redirect_url=arguments["redirect_url"],
		)
		return Authorisation(listed[-1][0], "received", False, self._link(consent_id, arguments["state"]))

	# tokens

	def exchange(
		self, consent_id: str, code: Secret, redirect_url: str, verifier: Secret, **_: Any
	) -> TokenPair:
		self.bank.called("exchange", consent_id)
		found = self.bank.consent(consent_id)
		digest = hashlib.sha256(verifier.reveal().encode()).digest()
		proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == found["challenge"]
		fits = code.reveal() == found.get("code") and redirect_url == found["redirect_url"]
		self.bank.change(consent_id, code=None)
		if not (proven and fits and found["status"] == "valid"):
			raise ConsentRequired("The code is refused.", provider_code="invalid_grant")
		return self.bank.pair(consent_id)

	def renew(self, consent_id: str, refresh: Secret, **_: Any) -> TokenPair:
		self.bank.called("renew", consent_id)
		time.sleep(self.bank.get("renewal_seconds", 0))
		found = self.bank.consent(consent_id)
		if found.get("refresh") != refresh.reveal() or found["status"] != "valid":
			raise RefreshRefused("The refresh token is refused.", provider_code="invalid_grant")
		pair = self.bank.pair(consent_id)
		if self.bank.get("lose_answers", 0):
			self.bank.put("lose_answers", self.bank.get("lose_answers") - 1)
			raise ProviderTimeout("The answer is lost.")
		return pair

	# data

	def item(self, token: Any, consent_id: str, language: str = "en") -> ItemData:
		self.bank.called("item", consent_id)
		found = self.bank.consent(consent_id)
		status, action = {
			ConsentStanding.VALID: (ItemStatus.OK, UserAction.NONE),
			ConsentStanding.WAITING: (ItemStatus.WAITING, UserAction.WAIT),
			ConsentStanding.SUSPENDED: (ItemStatus.PROVIDER_PROBLEM, UserAction.NONE),
			ConsentStanding.ENDED: (ItemStatus.DELETED, UserAction.NONE),
		}[self._standing(found)]
		if found["status"] == "expired":
			status, action = ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE
		ends = datetime.fromisoformat(found["valid_until"]).replace(tzinfo=timezone.utc) + timedelta(days=1)
		return ItemData(
			consent_id,
			token.company,
			status,
			0,
			found["status"],
			None,
			action,
			None,
			ends,
			self._payload(consent_id),
		)

	def refresh_item(self, token: Any, consent_id: str) -> None:
		raise Unsupported("There is no such call.")

	def _granted(self, token: Any) -> dict[str, Any]:
		found = self.bank.consent(token.consent_id)
		if found["status"] != "valid":
			raise ConsentRequired("The consent is not valid.", provider_code="CONSENT_INVALID")
		if found.get("access") != token.value.reveal():
			raise TokenRefused("The token is unknown.", provider_code="TOKEN_UNKNOWN")
		if datetime.fromisoformat(found["ends"]) < datetime.now(timezone.utc):
			raise AuthenticationExpired("The token has run out.", provider_code="TOKEN_EXPIRED")
		return found

	def accounts(self, token: Any, consent_id: str, known: Any = ()) -> list[AccountData]:
		self.bank.called("accounts", consent_id)
		self.bank.called("known", sorted(known))
		found = self._granted(token)
		self._limited("list")
		return [self._loan(consent_id, number) for number in found["references"]]

	def _loan(self, consent_id: str, number: str) -> AccountData:
		identifier = f"loan-{number}-{consent_id[-12:]}"
		payload = (
			f'{{"resourceId":"{identifier}","other":{{"identification":"{number}"}},"currency":"ILS","cashAccountType":"LOAN",'
			f'"balances":[{{"balanceType":"closingBooked","balanceAmount":{{"currency":"ILS","amount":"-41250.730"}}}}]}}'
		)
		return AccountData(
			identifier,
			consent_id,
			f"Loan {number}",
			"loan",
			"ILS",
			Decimal("-41250.730"),
			payload,
			reference=number,
		)

	def transactions(
		self, token: Any, account_id: str, since: str | None, page: str | None
	) -> TransactionPage:
		self.bank.called("transactions", {"account": account_id, "since": since})
		self._granted(token)
		self._limited(account_id.split("-")[1])
		rows = [
			self._transaction(row)
			for row in self.bank.get("transactions", [])
			if not since or row["date"] >= since
		]
		# A source may let less be read than is asked for, and says so.
		listed_from = self.bank.get("listed_from", "")
		rows = [row for row in rows if row.date.isoformat() >= listed_from]
		size = self.bank.get("page_size", len(rows) or 1)
		first = int(page or 0)
		more = first + size < len(rows)
		begins = date.fromisoformat(listed_from) if listed_from else None
		return TransactionPage(rows[first : first + size], str(first + size) if more else None, begins)

	def _limited(self, what: str) -> None:
		"""Calls about one loan, by its number, or about the list of them may be used up."""
		if seconds := self.bank.get("limited", {}).get(what):
			raise RateLimited("The calls of this month are used up.", retry_after=seconds, scope=OBJECT)

	def _transaction(self, row: dict[str, Any]) -> TransactionData:
		day = date.fromisoformat(row["date"])
		status = TransactionStatus.PENDING if row.get("pending") else TransactionStatus.BOOKED
		return TransactionData(
			row.get("id"),
			Decimal(row["amount"]),
			"ILS",
			day,
			None if row.get("pending") else day,
			day,
			None,
			row.get("text", "Payment"),
			row.get("text", "Payment"),
			None,
			None,
			status,
			None,
			json.dumps(row),
		)

	def tombstone(self, payload: str, provider_transaction_id: str) -> str:
		return json.dumps(json.loads(payload) | {"deleted": True})

	def outline(self, payload: str) -> str:
		return payload

	def parse_webhook(self, body: bytes) -> Any:
		raise InvalidRequest("There are no webhooks.")


def install() -> None:
	"""Put the fake in the place of the real connector, in this process."""
	from bank_api.connectors.registry import CONNECTORS
	from bank_api.gateway import providers

	CONNECTORS["berlin_group"] = FakeConnector
	providers._connectors.clear()
