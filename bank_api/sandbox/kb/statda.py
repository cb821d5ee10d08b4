"""STATDA: statements as KM files (section 4.3)."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.kb.adaa import account_id as public_id
from bank_api.sandbox.kb.door import Caller, caller, need_correlation
from bank_api.sandbox.kb.gpc import day_of_statement
from bank_api.sandbox.kb.model import BOOKED, Account, Entry, Extract
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.wire import KbError, Problem, answer

BASE = "/directapi/statda/v1/accounts"
MONTHLY = 50  # downloads a month in the plan Basic (section 1)


class Statda:
	"""The endpoints. The caller holds the lock."""

	def __init__(self, state: KbState) -> None:
		self.state = state

	def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
		"""Return method, path and function."""
		one = f"{BASE}/<account_id>/statements"
		return [
			("GET", BASE, self.accounts),
			("POST", one, self.order),
			("GET", f"{one}/<statement_id>", self.fetch),
		]

	def _caller(self, request: Request) -> Caller:
		who = caller(self.state, request.headers, "statda")
		need_correlation(request)
		return who

	def _account(self, who: Caller, account_id: str) -> Account:
		for account in self.state.accounts_of(who.user):
			if public_id(account) == account_id and account.iban in who.grant.accounts:
				return account
		raise KbError(403, Problem("FORBIDDEN", "accountId", "No access to this account", account_id))

	def accounts(self, request: Request) -> Response:
		"""GET /accounts."""
		who = self._caller(request)
		found = [a for a in self.state.accounts_of(who.user) if a.iban in who.grant.accounts]
		return answer({"accounts": [{"iban": a.iban, "accountId": public_id(a)} for a in found]})

	def order(self, request: Request, account_id: str) -> Response:
		"""POST /accounts/{id}/statements?fromDate=…&toDate=…&format=KM."""
		who = self._caller(request)
		account = self._account(who, account_id)
		begin, end = (_day(request, name) for name in ("fromDate", "toDate"))
		if end >= self.state.today:
			raise _bad("toDate", "Data end at the previous business day", str(end))
		if begin > end:
			raise _bad("fromDate", "Must not be after toDate", str(begin))
		if request.args.get("format") != "KM":
			raise _bad("format", "Only KM", request.args.get("format", ""))
		if not any(str(begin) <= entry.day <= str(end) for entry in self._booked(account)):
			return answer(None, 204)
		found = Extract(self.state.new_id(), who.app.client_id, account.iban, str(begin), str(end))
		self.state.put(found)
		return answer(self._standing(found))

	def _standing(self, found: Extract) -> dict[str, Any]:
		if found.polls >= self.state.switches.statement_polls:
			return {"status": "READY", "statementId": found.id}
		return {
			"status": "PENDING",
			"statementId": found.id,
			"pollingInterval": self.state.switches.polling_interval,
		}

	def fetch(self, request: Request, account_id: str, statement_id: str) -> Response:
		"""GET /accounts/{id}/statements/{statementId}: still pending, one file, or a zip of one a day."""
		who = self._caller(request)
		account = self._account(who, account_id)
		found = self.state.extracts.get(statement_id)
		if found is None or (found.app, found.account) != (who.app.client_id, account.iban):
			raise KbError(404, Problem("ID_NOT_FOUND", "statementId", "Unknown statement", statement_id))
		if found.polls < self.state.switches.statement_polls:
			pending = self._standing(found)
			found.polls += 1
			self.state.put(found)
			return answer(pending)
		self._count(who)
		files = self._files(account, date.fromisoformat(found.begin), date.fromisoformat(found.end))
		if len(files) == 1:
			return Response(files[0][1], 200, content_type="application/octet-stream")
		return Response(_zipped(files), 200, content_type="application/zip")

	def _count(self, who: Caller) -> None:
		if self.state.switches.plan != "Basic":
			return
		key = f"kb_statements:{who.app.client_id}:{str(self.state.today)[:7]}"
		used = self.state.core.recall(key, 0)
		if used >= MONTHLY:
			raise KbError(429, Problem("", "", f"At most {MONTHLY} downloads a month in this plan"))
		self.state.core.remember(key, used + 1)

	def _booked(self, account: Account) -> list[Entry]:
		return [entry for entry in self.state.entries_of(account.iban) if entry.status == BOOKED]

	def _files(self, account: Account, begin: date, end: date) -> list[tuple[str, bytes]]:
		"""Write a file for each day with movement."""
		by_day: dict[date, list[Entry]] = {}
		for entry in self._booked(account):
			by_day.setdefault(date.fromisoformat(entry.day), []).append(entry)
		found: list[tuple[str, bytes]] = []
		balance, number, year = account.opening, 0, 0
		before = min(by_day, default=begin) - timedelta(days=1)
		for day, lines in sorted(by_day.items()):
			number, year = (1, day.year) if day.year != year else (number + 1, year)
			if begin <= day <= end:
				text = day_of_statement(account, day, before, balance, number, lines)
				found.append((f"{day:%Y%m%d}_{account.iban[-10:]}.gpc", text))
			balance += sum(line.amount for line in lines)
			before = day
		return found


def _zipped(files: list[tuple[str, bytes]]) -> bytes:
	made = io.BytesIO()
	with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
		for name, text in files:
			archive.writestr(zipfile.ZipInfo(name), text)
	return made.getvalue()


def _bad(name: str, text: str, value: str) -> KbError:
	return KbError(400, Problem("INVALID_PARAMETER_VALUE", name, text, value))


def _day(request: Request, name: str) -> date:
	text = request.args.get(name, "")
	try:
		return date.fromisoformat(text)
	except ValueError as error:
		raise _bad(name, "A date YYYY-MM-DD is expected", text) from error
