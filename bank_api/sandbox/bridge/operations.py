"""The operations of both versions. Differences in shape live in views.py; differences in kind are marked here."""

import uuid
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from bank_api.sandbox.bridge import views
from bank_api.sandbox.bridge.api import EXTERNAL_ID, MINUTE_MS, Api, Context, Route, day, moment, number
from bank_api.sandbox.bridge.banks import BANKS, listed
from bank_api.sandbox.bridge.categories import CATEGORIES, CHILDREN
from bank_api.sandbox.bridge.errors import BridgeError
from bank_api.sandbox.bridge.model import Account, Item, Session, Stock, User

DAY_MS = 86_400_000


class Users:
	"""Users and tokens (bridge.md 1)."""

	def __init__(self, api: Api) -> None:
		self.api, self.state = api, api.state

	def create(self, context: Context) -> Response:
		"""POST users."""
		external = context.json.get("external_user_id")
		email, password = context.json.get("email"), context.json.get("password")
		if external is not None and (not isinstance(external, str) or not EXTERNAL_ID.fullmatch(external)):
			message = "external_user_id must be 1 to 128 letters, digits, hyphens or underscores."
			raise BridgeError(400, "users.creation.invalid_external_user_id", message, "external_user_id")
		if context.version == 2 and email is not None:
			self._check_old(str(email), str(password or ""))
			if self.state.find_user(context.app_id, email=str(email)):
				raise BridgeError(409, "conflict", "A user with this email already exists.")
		if external is not None and self.state.find_user(context.app_id, external_user_id=external):
			code = "users.creation.already_exists_with_external_user_id"
			raise BridgeError(
				409, code, "A user with this external_user_id already exists.", "external_user_id"
			)
		cap = self.api.switches.user_cap
		if cap and sum(user.app == context.app_id for user in self.state.users.values()) >= cap:
			raise BridgeError(403, "users.creation.too_many_users", f"The sandbox allows {cap} users.")
		user = self.state.add_user(
			context.app_id, external, email if context.version == 2 else None, password
		)
		return self.api.answer(views.user(user, context.version), self.api.switches.user_created_status)

	@staticmethod
	def _check_old(email: str, password: str) -> None:
		if "@" not in email:
			raise BridgeError(400, "invalid_parameter", "The email is not valid.", "email")
		if not 6 <= len(password) <= 72:
			raise BridgeError(
				400, "invalid_parameter", "The password must have 6 to 72 characters.", "password"
			)

	def index(self, context: Context) -> Response:
		"""GET users."""
		rows = [user for user in self.state.users.values() if user.app == context.app_id]
		wanted = context.query.get("external_user_id")
		filters: tuple[str, ...] = ()
		if wanted and self.api.switches.external_id_filter:
			rows, filters = [user for user in rows if user.external_user_id == wanted], ("external_user_id",)
		return self.api.listing(
			context,
			rows,
			lambda user: (user.created, user.uuid),
			lambda user: views.user(user, context.version),
			filters,
		)

	def _own(self, context: Context, user_uuid: str) -> User:
		user = self.state.users.get(user_uuid)
		if user is None or user.app != context.app_id:
			raise BridgeError(404, "users.not_found", "The user does not exist.")
		return user

	def get(self, context: Context, user_uuid: str) -> Response:
		"""GET users/{uuid}."""
		return self.api.answer(views.user(self._own(context, user_uuid), context.version))

	def delete(self, context: Context, user_uuid: str) -> Response:
		"""POST users/{uuid}/delete (v2) and DELETE users/{uuid} (v3)."""
		user = self._own(context, user_uuid)
		password = context.json.get("password")
		if context.version == 2 and password is not None and len(str(password)) < 6:
			raise BridgeError(400, "invalid_parameter", "The password must have 6 characters.", "password")
		self.state.delete_user(user)
		self._emit_deleted(user)
		return self.api.nothing()

	def _emit_deleted(self, user: User) -> None:
		self.api.events.user_deleted(user.uuid)

	def delete_all(self, context: Context) -> Response:
		"""DELETE users: all of them, sandbox only."""
		for user in [user for user in self.state.users.values() if user.app == context.app_id]:
			self.state.delete_user(user)
			self._emit_deleted(user)
		return self.api.nothing()

	def change_email(self, context: Context, user_uuid: str) -> Response:
		"""POST users/{uuid}/email (v2)."""
		user = self._own(context, user_uuid)
		self._check_old(str(context.json.get("new_email", "")), str(context.json.get("password", "")))
		user.email = str(context.json["new_email"])
		self.state.store.put(user)
		self.state.revoke_tokens(user.uuid)
		return self.api.answer(views.user(user, 2))

	def change_password(self, context: Context, user_uuid: str) -> Response:
		"""POST users/{uuid}/password (v2)."""
		user = self._own(context, user_uuid)
		self._check_old("a@b", str(context.json.get("new_password", "")))
		user.password = str(context.json["new_password"])
		self.state.store.put(user)
		self.state.revoke_tokens(user.uuid)
		return self.api.answer(views.user(user, 2))

	def email_confirmation(self, context: Context) -> Response:
		"""GET users/me/email/confirmation (v2)."""
		return self.api.answer({"name": "email", "is_confirmed": True})

	def token(self, context: Context) -> Response:
		"""POST authenticate (v2) and authorization/token (v3)."""
		user = self._who(context)
		key = user.uuid if user else f"{context.app_id}:{context.json}"
		self.api.take("token", key, self.api.switches.token_limit, MINUTE_MS)
		if user is None:
			status = self.api.switches.unknown_token_user_status
			raise BridgeError(status, "users.not_found", "The user does not exist.")
		token = self.state.add_token(user)
		shown = {
			"access_token": token.text,
			"expires_at": views.instant(token.expires),
			"user": views.user(user, context.version),
		}
		return self.api.answer(shown, self.api.switches.token_status)

	def _who(self, context: Context) -> User | None:
		values = context.json
		if values.get("user_uuid"):
			user = self.state.users.get(str(values["user_uuid"]))
			return user if user and user.app == context.app_id else None
		if values.get("external_user_id"):
			return self.state.find_user(context.app_id, external_user_id=str(values["external_user_id"]))
		if context.version == 2 and values.get("email"):
			user = self.state.find_user(context.app_id, email=str(values["email"]))
			if user is None or user.password != values.get("password"):
				raise BridgeError(401, "invalid_credentials", "Wrong email or password.")
			return user
		raise BridgeError(400, "invalid_parameter", "user_uuid or external_user_id is missing.", "user_uuid")

	def logout(self, context: Context) -> Response:
		"""POST logout (v2): drops the token used."""
		text = context.request.headers["Authorization"].split(" ", 1)[1].strip()
		self.state.store.drop(self.state.tokens[text])
		return self.api.nothing()


class Connect:
	"""Connect links (bridge.md 2)."""

	def __init__(self, api: Api) -> None:
		self.api, self.state = api, api.state

	def _session(self, call: Context, flow: str, step: str, **values: Any) -> Session:
		now = self.state.now
		session = Session(
			uuid=str(uuid.uuid4()),
			user=call.user.uuid if call.user else "",
			version="2021-06-01" if call.version == 2 else "2025-01-15",
			flow=flow,
			created=now,
			expires=now + self.api.switches.session_minutes * MINUTE_MS,
			step=step,
			**values,
		)
		self.state.store.put(session)
		return session

	def _url(self, session: Session) -> str:
		return f"{self.api.base()}/session/{session.uuid}"

	def _bank(self, value: Any, name: str) -> int | None:
		if value in (None, ""):
			return None
		bank_id = number(value, name)
		if bank_id not in BANKS:
			raise BridgeError(404, "not_found", f"{name} is unknown.", name)
		return bank_id

	# v2
	def add_v2(self, context: Context) -> Response:
		"""POST connect/items/add."""
		values = context.json
		provider = self._bank(values.get("bank_id"), "bank_id")
		session = self._session(
			context,
			"add",
			"bank_creds_form" if provider else "list_banks",
			callback_url=values.get("redirect_url"),
			context=_text(values.get("context")),
			provider_id=provider,
			country=str(values.get("country") or "fr").lower(),
			account_types="all",
		)
		return self.api.answer({"redirect_url": self._url(session)}, self.api.switches.session_created_status)

	def edit_v2(self, context: Context) -> Response:
		"""GET connect/items/edit."""
		return self._manage_v2(context, "edit", "edit_bank_creds_form")

	def sync_v2(self, context: Context) -> Response:
		"""GET connect/items/sync."""
		return self._manage_v2(context, "sync", "sync_in_progress")

	def _manage_v2(self, context: Context, flow: str, step: str) -> Response:
		query = context.query
		if not query.get("item_id"):
			raise BridgeError(400, "invalid_parameter", "item_id is missing.", "item_id")
		item = self.api.own_item(context, query["item_id"])
		if self.api.switches.v2_management_limit:
			self._count_flow(item)
		session = self._session(
			context,
			flow,
			step,
			callback_url=query.get("redirect_url"),
			context=query.get("context"),
			item_id=item.id,
			provider_id=item.provider_id,
			account_types=item.account_types,
		)
		return self.api.answer({"redirect_url": self._url(session)}, self.api.switches.session_created_status)

	def pro_v2(self, context: Context) -> Response:
		"""GET connect/items/pro/confirmation: announced as removed, so a switch (bridge.md 2.1)."""
		if not self.api.switches.v2_pro_confirmation:
			raise BridgeError(404, "not_found", "This operation was removed.")
		query = context.query
		session = self._session(
			context,
			"pro",
			"pro_validation_form",
			callback_url=query.get("redirect_url"),
			context=query.get("context"),
			account_types="all",
		)
		return self.api.answer({"redirect_url": self._url(session)}, self.api.switches.session_created_status)

	def iban_v2(self, context: Context) -> Response:
		"""GET connect/manage/accounts/iban: the page lets the user fill in nothing here, it only ends the trip."""
		query = context.query
		session = self._session(
			context,
			"iban",
			"sync_success",
			callback_url=query.get("redirect_url"),
			context=query.get("context"),
		)
		return self.api.answer({"redirect_url": self._url(session)}, self.api.switches.session_created_status)

	# v3
	def session_v3(self, context: Context) -> Response:
		"""POST connect-sessions."""
		values = context.json
		common = self._common_v3(values)
		item = self.api.own_item(context, values["item_id"]) if values.get("item_id") is not None else None
		if item is not None:
			self._count_flow(item)
			step = "edit_bank_creds_form" if item.status in (402, 430) else "sync_in_progress"
			session = self._session(
				context, "sync", step, item_id=item.id, provider_id=item.provider_id, **common
			)
		else:
			provider = self._bank(values.get("provider_id"), "provider_id")
			step = "bank_creds_form" if provider else "highlighted_banks"
			session = self._session(context, "add", step, provider_id=provider, **common)
		return self._answer_v3(session)

	def management_v3(self, context: Context) -> Response:
		"""POST user-management-sessions."""
		return self._answer_v3(
			self._session(context, "manage", "manage", **self._common_v3(context.json, email=False))
		)

	def _answer_v3(self, session: Session) -> Response:
		shown = {"id": session.uuid, "url": self._url(session)}
		return self.api.answer(shown, self.api.switches.session_created_status)

	def _common_v3(self, values: dict[str, Any], email: bool = True) -> dict[str, Any]:
		given = values.get("user_email")
		if email and not given and self.api.switches.user_email_required:
			raise BridgeError(
				400, "connect_session.user_email_required", "user_email is missing.", "user_email"
			)
		if given is not None and "@" not in str(given):
			raise BridgeError(400, "invalid_parameter", "user_email is not valid.", "user_email")
		callback = values.get("callback_url")
		if callback is not None:
			self._check_callback(str(callback))
		note = values.get("context")
		if note is not None and (not isinstance(note, str) or len(note) > 100 or not _plain(note)):
			message = "context must be at most 100 letters, digits and hyphens."
			raise BridgeError(400, "invalid_parameter", message, "context")
		types = values.get("account_types", "payment")
		if types not in ("payment", "all"):
			raise BridgeError(
				400, "invalid_parameter", "account_types must be payment or all.", "account_types"
			)
		most = values.get("max_selectable_accounts")
		return {
			"callback_url": callback,
			"context": note,
			"country": str(values.get("country_code") or "FR").lower(),
			"account_types": types,
			"allow_account_selection": values.get("allow_account_selection", True) is not False,
			"max_selectable_accounts": number(most, "max_selectable_accounts") if most is not None else None,
		}

	def _check_callback(self, url: str) -> None:
		parts = urlsplit(url)
		host = parts.hostname or ""
		allowed = self.api.switches.callback_hosts
		if parts.scheme not in ("http", "https") or not host:
			raise BridgeError(400, "invalid_parameter", "callback_url is not valid.", "callback_url")
		if not any(
			name == "*" or host == name or (name.startswith("*.") and host.endswith(name[1:]))
			for name in allowed
		):
			code = "connect_session.callback_url_not_whitelisted"
			raise BridgeError(400, code, "The host of callback_url is not allowed.", "callback_url")

	def _count_flow(self, item: Item) -> None:
		"""At most 4 management flows an item in a rolling 24 h (bridge.md 2.2)."""
		now = self.state.now
		item.flows = [when for when in item.flows if when > now - DAY_MS]
		limit = self.api.switches.management_flow_limit
		if self.api.switches.rate_limits and limit and len(item.flows) >= limit:
			wait = -(-(item.flows[0] + DAY_MS - now) // 1000)
			raise BridgeError(
				429, "connect_session.too_many_flows", "Too many management flows.", retry_after=wait
			)
		item.flows.append(now)
		self.state.save_item(item)


def _plain(text: str) -> bool:
	return all(character.isascii() and (character.isalnum() or character == "-") for character in text)


def _text(value: Any) -> str | None:
	return None if value is None else str(value)


class Items:
	"""Items (bridge.md 3)."""

	def __init__(self, api: Api) -> None:
		self.api, self.state = api, api.state

	def _show(self, context: Context, item: Item) -> dict[str, Any]:
		return views.item(item, context.version, self.api.switches, context.language)

	def index(self, context: Context) -> Response:
		"""GET items."""
		rows = self.state.items_of(context.user.uuid)  # type: ignore[union-attr]
		return self.api.listing(context, rows, lambda item: item.id, lambda item: self._show(context, item))

	def get(self, context: Context, item_id: int) -> Response:
		"""GET items/{id}."""
		return self.api.answer(self._show(context, self.api.own_item(context, item_id)))

	def delete(self, context: Context, item_id: int) -> Response:
		"""DELETE items/{id}: accounts and transactions go with it."""
		item = self.api.own_item(context, item_id)
		self.state.delete_item(item)
		self.api.events.item_deleted(item.id, item.user)
		return self.api.nothing()

	def refresh(self, context: Context, item_id: int) -> Response:
		"""POST items/{id}/refresh (v2)."""
		self.api.lifecycle.refresh(self.api.own_item(context, item_id))
		return self.api.nothing(self.api.switches.refresh_status)

	def refresh_state(self, context: Context, item_id: int) -> Response:
		"""GET items/{id}/refresh/status (v2; bridge.md 3.4)."""
		item = self.api.own_item(context, item_id)
		total = len(self.state.accounts_of(item.id))
		shown: dict[str, Any] = {
			"status": "finished",
			"mfa": None,
			"refreshed_at": views.instant(item.last_success),
		}
		shown |= {"refreshed_accounts_count": None, "total_accounts_count": None}
		running = item.refresh_ends is not None and item.refresh_result is None
		if running and item.refresh_started is not None and item.refresh_ends is not None:
			length = max(1, item.refresh_ends - item.refresh_started)
			share = min(1.0, (self.state.now - item.refresh_started) / length)
			if share < 1 / 3:
				shown["status"] = "authenticating"
			else:
				done = int((share - 1 / 3) * 1.5 * total)
				shown |= {
					"status": "retrieving_data",
					"refreshed_accounts_count": done,
					"total_accounts_count": total,
				}
		elif item.refresh_result is not None:
			shown["status"] = item.refresh_result
			if item.refresh_result == "info_required":
				label = "Code reçu par SMS" if context.language == "fr" else "Code received by text message"
				shown["mfa"] = {"type": "SMS", "description": label, "label": label, "is_numeric": True}
		return self.api.answer(shown)


class Accounts:
	"""Accounts and securities (bridge.md 4, 5.5)."""

	def __init__(self, api: Api) -> None:
		self.api, self.state = api, api.state

	def _show(self, context: Context, account: Account) -> dict[str, Any]:
		item = self.state.items[account.item_id]
		balances = self.state.balances(account)
		return views.account(account, item, balances, context.version, self.api.switches, context.language)

	def _scope(self, context: Context) -> list[Account]:
		page = self.api.page(context, ("item_id",))
		if "item_id" in page.filters:
			rows = self.state.accounts_of(self.api.own_item(context, page.filters["item_id"]).id)
		else:
			rows = self.state.accounts_of_user(context.user.uuid)  # type: ignore[union-attr]
		return [account for account in rows if self.api.visible(account)]

	def index(self, context: Context) -> Response:
		"""GET accounts."""
		rows = self._scope(context)
		return self.api.listing(
			context,
			rows,
			lambda account: account.id,
			lambda account: self._show(context, account),
			("item_id",),
		)

	def get(self, context: Context, account_id: int) -> Response:
		"""GET accounts/{id}."""
		return self.api.answer(self._show(context, self.api.own_account(context, account_id)))

	def information(self, context: Context) -> Response:
		"""GET accounts-information (v3): activated by Bridge, so off unless switched."""
		if not self.api.switches.accounts_information:
			raise BridgeError(403, "forbidden", "This feature is not activated.")
		rows = [account for account in self._scope(context) if account.iban]
		resources = [
			{"account_id": account.id, "item_id": account.item_id, "iban": account.iban, "name": account.name}
			for account in rows
		]
		return self.api.answer({"resources": resources})

	def stocks(self, context: Context) -> Response:
		"""GET stocks."""
		return self._stocks(context, changed=context.version == 3)

	def stocks_updated(self, context: Context) -> Response:
		"""GET stocks/updated (v2)."""
		return self._stocks(context, changed=True)

	def _stocks(self, context: Context, changed: bool) -> Response:
		names = ("since", "account_id")
		page = self.api.page(context, names)
		accounts = {account.id for account in self.state.shared(self._all(context))}
		if "account_id" in page.filters:
			accounts &= {self.api.own_account(context, page.filters["account_id"]).id}
		since = moment(page.filters.get("since"), "since") if changed else None
		rows = [
			stock
			for stock in self.state.stocks.values()
			if stock.account_id in accounts and (since is None or stock.updated > since)
		]
		return self.api.listing(
			context, rows, lambda s: s.id, lambda s: views.stock(s, context.version), names
		)

	def _all(self, context: Context) -> list[Account]:
		return self.state.accounts_of_user(context.user.uuid)  # type: ignore[union-attr]

	def stock(self, context: Context, stock_id: int) -> Response:
		"""GET stocks/{id}."""
		stock: Stock | None = self.state.stocks.get(stock_id)
		if stock is None or stock.account_id not in {account.id for account in self._all(context)}:
			raise BridgeError(404, "not_found", "The stock does not exist.")
		return self.api.answer(views.stock(stock, context.version))


class Transactions:
	"""Transactions (bridge.md 5)."""

	def __init__(self, api: Api) -> None:
		self.api, self.state = api, api.state

	def _accounts(self, context: Context, account_id: Any) -> list[int]:
		if account_id is not None:
			found = [self.api.own_account(context, account_id)]
		else:
			found = self.state.accounts_of_user(context.user.uuid)  # type: ignore[union-attr]
		locked = {item.id for item in self.state.items_of(context.user.uuid) if item.status == 1100}  # type: ignore[union-attr]
		return [account.id for account in self.state.shared(found) if account.item_id not in locked]

	def snapshot_v2(self, context: Context, account_id: int | None = None) -> Response:
		"""GET transactions, accounts/{id}/transactions (v2): ``since`` and ``until`` bound the date; none deleted."""
		page = self.api.page(context, ("since", "until"))
		low, high = day(page.filters.get("since"), "since"), day(page.filters.get("until"), "until")
		found = self.api.queries.select(
			self._accounts(context, account_id), min_date=low, max_date=high, deleted=False
		)
		return self._send(context, page, found)

	def updated_v2(self, context: Context, account_id: int | None = None) -> Response:
		"""GET transactions/updated, accounts/{id}/transactions/updated (v2): deleted ones included."""
		page = self.api.page(context, ("since",))
		since = moment(page.filters.get("since"), "since")
		return self._send(context, page, self.api.queries.select(self._accounts(context, account_id), since))

	def list_v3(self, context: Context) -> Response:
		"""GET transactions (v3)."""
		page = self.api.page(context, ("account_id", "since", "until", "min_date", "max_date"))
		given = page.filters
		since, until = moment(given.get("since"), "since"), moment(given.get("until"), "until")
		bounded = since is not None or until is not None
		found = self.api.queries.select(
			self._accounts(context, given.get("account_id")),
			since,
			until,
			day(given.get("min_date"), "min_date"),
			day(given.get("max_date"), "max_date"),
			deleted=bounded or self.api.switches.v3_deleted_without_since,
		)
		return self._send(context, page, found)

	def _send(self, context: Context, page: Any, found: tuple[list[Any], list[Any]]) -> Response:
		taken, next_uri = page.cut(*found)
		write = views.transaction2 if context.version == 2 else views.transaction3
		return self.api.send_page(context, page, [write(row) for row in taken], next_uri)

	def get(self, context: Context, transaction_id: int) -> Response:
		"""GET transactions/{id}."""
		mine = set(self._accounts(context, None))
		row = self.state.transactions.get(transaction_id)
		if row is None or row.id != transaction_id:
			row = next((row for row in self.state.transactions.values() if row.id == transaction_id), None)
		if row is None or row.account_id not in mine:
			raise BridgeError(404, "not_found", "The transaction does not exist.")
		write = views.transaction2 if context.version == 2 else views.transaction3
		return Response(write(row), 200, content_type="application/json")


class Reference:
	"""Banks or providers, categories, insights (bridge.md 6): app-scoped but insights."""

	def __init__(self, api: Api) -> None:
		self.api = api

	def banks(self, context: Context) -> Response:
		"""GET banks (v2)."""
		countries = {code.upper() for code in context.query.get("countries", "").split(",") if code}
		wanted = {name for name in context.query.get("capabilities", "").split(",") if name}
		rows = [bank for bank in listed() if not countries or bank.country in countries]
		rows = [bank for bank in rows if wanted <= set(views.bank2(bank, "")["capabilities"])]
		base = self.api.base()
		names = ("countries", "capabilities")
		return self.api.listing(
			context, rows, lambda bank: bank.id, lambda bank: views.bank2(bank, base), names
		)

	def providers(self, context: Context) -> Response:
		"""GET providers (v3)."""
		countries = {code.upper() for code in self._many(context, "country_code")}
		wanted, segments = set(self._many(context, "capabilities")), set(self._many(context, "segment"))
		rows = [bank for bank in listed() if not countries or bank.country in countries]
		rows = [bank for bank in rows if not segments or segments & set(bank.segment)]
		rows = [bank for bank in rows if wanted <= set(views.provider3(bank, "")["capabilities"])]
		base = self.api.base()
		names = ("country_code", "capabilities", "segment")
		return self.api.listing(
			context, rows, lambda bank: bank.id, lambda bank: views.provider3(bank, base), names
		)

	@staticmethod
	def _many(context: Context, name: str) -> list[str]:
		return [part for value in context.request.args.getlist(name) for part in value.split(",") if part]

	def bank(self, context: Context, bank_id: int) -> Response:
		"""GET banks/{id} (v2), providers/{id} (v3)."""
		bank = BANKS.get(bank_id)
		if bank is None:
			raise BridgeError(404, "not_found", "The bank does not exist.")
		write = views.bank2 if context.version == 2 else views.provider3
		return self.api.answer(write(bank, self.api.base()))

	def bank_insights(self, context: Context) -> Response:
		"""GET banks/insights (v2)."""
		return self.api.answer({"resources": [{"bank_id": bank.id, "status": "ok"} for bank in listed()]})

	def categories(self, context: Context) -> Response:
		"""GET categories."""
		return self.api.listing(
			context, list(CHILDREN), lambda number: number, lambda n: views.category_tree(n, context.language)
		)

	def category(self, context: Context, category_id: int) -> Response:
		"""GET categories/{id}."""
		found = CATEGORIES.get(category_id)
		if found is None:
			raise BridgeError(404, "not_found", "The category does not exist.")
		shown: dict[str, Any] = views.category(found, context.language, context.version)
		if self.api.switches.category_single_shape == "resources":
			shown = {"resources": [shown]}
		return self.api.answer(shown)

	def insights(self, context: Context) -> Response:
		"""GET insights/category: needs activation (bridge.md 6.3)."""
		raise BridgeError(403, "forbidden", "This feature is not activated.")


def routes(api: Api) -> dict[int, list[Route]]:
	"""Return the operations of each version."""
	users, connect, items = Users(api), Connect(api), Items(api)
	accounts, transactions, reference = Accounts(api), Transactions(api), Reference(api)
	v2 = [
		Route("POST", "/v2/users", users.create, "app"),
		Route("GET", "/v2/users", users.index, "app"),
		Route("DELETE", "/v2/users", users.delete_all, "app"),
		Route("GET", "/v2/users/me/email/confirmation", users.email_confirmation),
		Route("GET", "/v2/users/<user_uuid>", users.get, "app"),
		Route("POST", "/v2/users/<user_uuid>/delete", users.delete, "app"),
		Route("POST", "/v2/users/<user_uuid>/email", users.change_email, "app"),
		Route("POST", "/v2/users/<user_uuid>/password", users.change_password, "app"),
		Route("POST", "/v2/authenticate", users.token, "app"),
		Route("POST", "/v2/logout", users.logout),
		Route("POST", "/v2/connect/items/add", connect.add_v2),
		Route("GET", "/v2/connect/items/edit", connect.edit_v2),
		Route("GET", "/v2/connect/items/sync", connect.sync_v2),
		Route("GET", "/v2/connect/items/pro/confirmation", connect.pro_v2),
		Route("GET", "/v2/connect/manage/accounts/iban", connect.iban_v2),
		Route("GET", "/v2/users/manage/accounts/iban", connect.iban_v2),
		Route("GET", "/v2/items", items.index),
		Route("GET", "/v2/items/<int:item_id>", items.get),
		Route("DELETE", "/v2/items/<int:item_id>", items.delete),
		Route("POST", "/v2/items/<int:item_id>/refresh", items.refresh),
		Route("GET", "/v2/items/<int:item_id>/refresh/status", items.refresh_state),
		Route("GET", "/v2/accounts", accounts.index),
		Route("GET", "/v2/accounts/<int:account_id>", accounts.get),
		Route("GET", "/v2/transactions", transactions.snapshot_v2),
		Route("GET", "/v2/transactions/updated", transactions.updated_v2),
		Route("GET", "/v2/transactions/<int:transaction_id>", transactions.get),
		Route("GET", "/v2/accounts/<int:account_id>/transactions", transactions.snapshot_v2),
		Route("GET", "/v2/accounts/<int:account_id>/transactions/updated", transactions.updated_v2),
		Route("GET", "/v2/stocks", accounts.stocks),
		Route("GET", "/v2/stocks/updated", accounts.stocks_updated),
		Route("GET", "/v2/stocks/<int:stock_id>", accounts.stock),
		Route("GET", "/v2/banks", reference.banks, "app"),
		Route("GET", "/v2/banks/insights", reference.bank_insights, "app"),
		Route("GET", "/v2/banks/<int:bank_id>", reference.bank, "app"),
		Route("GET", "/v2/categories", reference.categories, "app"),
		Route("GET", "/v2/categories/<int:category_id>", reference.category, "app"),
		Route("GET", "/v2/insights/category", reference.insights),
	]
	root = "/v3/aggregation"
	v3 = [
		Route("POST", f"{root}/users", users.create, "app"),
		Route("GET", f"{root}/users", users.index, "app"),
		Route("DELETE", f"{root}/users", users.delete_all, "app"),
		Route("GET", f"{root}/users/<user_uuid>", users.get, "app"),
		Route("DELETE", f"{root}/users/<user_uuid>", users.delete, "app"),
		Route("POST", f"{root}/authorization/token", users.token, "app"),
		Route("POST", f"{root}/connect-sessions", connect.session_v3),
		Route("POST", f"{root}/user-management-sessions", connect.management_v3),
		Route("GET", f"{root}/items", items.index),
		Route("GET", f"{root}/items/<int:item_id>", items.get),
		Route("DELETE", f"{root}/items/<int:item_id>", items.delete),
		Route("GET", f"{root}/accounts", accounts.index),
		Route("GET", f"{root}/accounts/<int:account_id>", accounts.get),
		Route("GET", f"{root}/accounts-information", accounts.information),
		Route("GET", f"{root}/transactions", transactions.list_v3),
		Route("GET", f"{root}/transactions/<int:transaction_id>", transactions.get),
		Route("GET", f"{root}/stocks", accounts.stocks),
		Route("GET", f"{root}/stocks/<int:stock_id>", accounts.stock),
		Route("GET", "/v3/providers", reference.providers, "app"),
		Route("GET", "/v3/providers/<int:bank_id>", reference.bank, "app"),
		Route("GET", f"{root}/categories", reference.categories, "app"),
		Route("GET", f"{root}/categories/<int:category_id>", reference.category, "app"),
		Route("GET", f"{root}/insights/category", reference.insights),
	]
	return {2: v2, 3: v3}
