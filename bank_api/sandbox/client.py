"""Drive a running sandbox from tests and demos: its control API, and the end user's pages as a browser would."""

import json
import time
from typing import Any
from urllib.parse import urlencode, urljoin

import requests

from bank_api.sandbox.kb.client import KbSandbox
from bank_api.sandbox.migdal.client import MigdalSandbox
from bank_api.sandbox.page import Page, SandboxError, excerpt
from bank_api.sandbox.quanto.client import QuantoSandbox


class Browser:
	"""Walks one connect link without following the final redirect."""

	def __init__(self, link: str, language: str = "en", timeout: float = 30.0) -> None:
		self.link, self.timeout = link, timeout
		self.session = requests.Session()
		self.session.headers["Accept-Language"] = language
		self.session.headers["User-Agent"] = "Mozilla/5.0 (sandbox walker)"
		self.location: str | None = None
		self.steps: list[str] = []
		self.page = self.get()

	def get(self) -> Page:
		"""Load the page again."""
		answer = self.session.get(self.link, timeout=self.timeout, allow_redirects=False)
		if answer.status_code != 200:
			raise SandboxError(f"{self.link} answered {answer.status_code}: {excerpt(answer.text)}")
		self.page = Page(answer.text)
		if not self.steps or self.steps[-1] != self.page.step:
			self.steps.append(self.page.step)
		return self.page

	def post(self, *values: tuple[str, str]) -> Page | None:
		"""Submit a form; return the next page, or None at the end (``location`` holds the redirect)."""
		answer = self.session.post(self.link, data=list(values), timeout=self.timeout, allow_redirects=False)
		if answer.status_code == 302:
			self.location = answer.headers["Location"]
			return None
		if answer.status_code == 303:
			self.link = urljoin(self.link, answer.headers["Location"])
			return self.get()
		if answer.status_code == 200:
			self.page = Page(answer.text)
			return None
		raise SandboxError(f"{self.link} answered {answer.status_code}: {excerpt(answer.text)}")

	def quit(self) -> str | None:
		"""Press Quit; return the final address."""
		self.post(("action", "quit"))
		return self.location

	def walk(
		self,
		login: str = "success",
		password: str = "demo",
		provider_id: int = 574,
		otp: str = "123456",
		accounts: list[int] | None = None,
		quit_at: str | None = None,
		retry_login: str | None = None,
		wait: float = 30.0,
	) -> str | None:
		"""Go through to the end; see SandboxControl.complete_connect."""
		end = time.monotonic() + wait
		tries: dict[str, int] = {}
		page: Page | None = self.page
		while page is not None:
			step = page.step
			tries[step] = tries.get(step, 0) + 1
			if step == quit_at:
				return self.quit()
			if time.monotonic() > end:
				raise SandboxError(f"still at {step} after {wait} s")
			page = self._next(page, tries[step], login, password, provider_id, otp, accounts, retry_login)
		return self.location

	def _next(
		self,
		page: Page,
		tries: int,
		login: str,
		password: str,
		provider_id: int,
		otp: str,
		accounts: list[int] | None,
		retry_login: str | None,
	) -> Page | None:
		step = page.step
		if step in ("highlighted_banks", "list_banks", "sub_banks_list"):
			return self.post(("provider_id", str(provider_id)))
		if step in ("bank_creds_form", "edit_bank_creds_form"):
			if tries > 1 and retry_login is None:
				return self.post(("action", "quit"))
			return self.post(("login", retry_login if tries > 1 else login), ("password", password))  # type: ignore[arg-type]
		if step == "otp_form":
			return self.post(("action", "quit")) if tries > 1 else self.post(("otp", otp))
		if step == "account_selection":
			boxes = [box for form in page.forms for box in form.boxes]
			if accounts is not None:
				boxes = [(name, value) for name, value in boxes if int(value) in accounts]
			return self.post(*boxes, ("action", "accounts"))
		if step == "sync_in_progress" and any(("action", "wait") in form.buttons for form in page.forms):
			time.sleep(0.1)
			return self.get()
		if step == "sync_in_progress":
			return self.post(("action", "continue"))
		if step == "sync_pending":
			time.sleep(0.1)
			return self.get()
		if step == "sync_error" and retry_login is not None and tries == 1:
			return self.post(("action", "retry"))
		if step == "pro_validation_form":
			return self.post(("confirmed", "1"), ("action", "pro"))
		if step == "manage":
			return self.post(("action", "done"))
		return self.post(("action", "finish"))


class SandboxControl:
	"""The control API of a running sandbox.

	Args:
		url: Its address, as printed after ``ready``.
		timeout: Seconds for a call.
	"""

	def __init__(self, url: str, timeout: float = 120.0) -> None:
		self.url = url.rstrip("/")
		self.timeout = timeout
		self.session = requests.Session()
		self.migdal = MigdalSandbox(self.call)
		self.quanto = QuantoSandbox(self.call)
		self.kb = KbSandbox(self.call)

	def call(self, method: str, path: str, /, **values: Any) -> dict[str, Any]:
		"""Make a control call.

		Args:
			method: HTTP method.
			path: Path below ``/_control``.
			**values: Query for GET, JSON body otherwise.

		Returns:
			The answer.

		Raises:
			SandboxError: The answer is not 200.
		"""
		url = f"{self.url}/_control{path}"
		if method == "GET":
			clean = {name: value for name, value in values.items() if value is not None}
			answer = self.session.get(f"{url}?{urlencode(clean)}" if clean else url, timeout=self.timeout)
		else:
			answer = self.session.request(method, url, json=values or None, timeout=self.timeout)
		if answer.status_code != 200:
			raise SandboxError(f"{method} {path}: {answer.status_code} {excerpt(answer.text)}")
		return json.loads(answer.content)

	# general
	def info(self) -> dict[str, Any]:
		"""Describe the sandbox."""
		return self.call("GET", "/")

	def reset(self, **options: Any) -> None:
		"""Forget everything but credentials and webhooks."""
		self.call("POST", "/reset", **options)

	def switches(self, **values: Any) -> dict[str, Any]:
		"""Show or change switches."""
		return self.call("PATCH", "/switches", **values) if values else self.call("GET", "/switches")

	def now(self) -> str:
		"""Return the sandbox's instant, ISO."""
		return self.call("GET", "/clock")["now"]

	def advance(self, seconds: float) -> str:
		"""Move the clock forward."""
		return self.call("POST", "/clock", advance=seconds)["now"]

	def clock(self, **values: Any) -> str:
		"""``set`` (ISO), ``advance`` (seconds), ``freeze`` (bool)."""
		return self.call("POST", "/clock", **values)["now"]

	def fail(self, kind: str, path: str = ".*", times: int = 1, **values: Any) -> dict[str, Any]:
		"""Make the next matching calls fail; see README.md, Faults."""
		return self.call("POST", "/faults", kind=kind, path=path, times=times, **values)

	def faults(self) -> list[dict[str, Any]]:
		"""List the active faults."""
		return self.call("GET", "/faults")["faults"]

	def clear_faults(self) -> None:
		"""Remove all faults."""
		self.call("DELETE", "/faults")

	def latency(self, ms: int) -> None:
		"""Delay every answer."""
		self.call("POST", "/latency", ms=ms)

	def calls(self, path: str | None = None, since: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
		"""Return logged calls whose path matches."""
		return self.call("GET", "/calls", path=path, since=since, limit=limit)["calls"]

	def counters(self) -> dict[str, int]:
		"""Return counters by ``METHOD /path/{id}``."""
		return self.call("GET", "/calls", limit=1)["counters"]

	def reset_calls(self) -> None:
		"""Forget the call log."""
		self.call("DELETE", "/calls")

	def reset_limits(self) -> None:
		"""Forget what counts against the rate limits."""
		self.call("DELETE", "/limits")

	# users and items
	def add_app(self, client_id: str, client_secret: str) -> dict[str, Any]:
		"""Register another application."""
		return self.call("POST", "/apps", client_id=client_id, client_secret=client_secret)

	def add_user(self, external_user_id: str) -> dict[str, Any]:
		"""Create a user, or return the one that has this external id."""
		return self.call("POST", "/users", external_user_id=external_user_id)

	def delete_user(self, user: str, **options: Any) -> None:
		"""Delete a user by uuid or external id."""
		self.call("DELETE", f"/users/{user}", **options)

	def expire_tokens(self, user: str | None = None, revoke: bool = False) -> int:
		"""Expire the tokens of a user, or of all."""
		return self.call("POST", "/tokens/expire", user=user, revoke=revoke)["tokens"]

	def add_item(self, user: str, **options: Any) -> dict[str, Any]:
		"""Connect a bank without the pages (``provider_id``, ``login``, ``transactions``, ``accounts``, ``count`` …)."""
		return self.call("POST", "/items", user=user, **options)

	def items(self, user: str | None = None) -> list[dict[str, Any]]:
		"""List items."""
		return self.call("GET", "/items", user=user)["items"]

	def item(self, item_id: int) -> dict[str, Any]:
		"""Show one item."""
		return self.call("GET", f"/items/{item_id}")

	def delete_item(self, item_id: int, **options: Any) -> None:
		"""Delete an item."""
		self.call("DELETE", f"/items/{item_id}", **options)

	def set_status(
		self, item_id: int, status: int, info: str | None = None, **options: Any
	) -> dict[str, Any]:
		"""Force an item's status."""
		return self.call("POST", f"/items/{item_id}/status", status=status, info=info, **options)

	def set_login(self, item_id: int, login: str) -> dict[str, Any]:
		"""Choose the scenarios of the syncs to come, for example ``1010.success``."""
		return self.call("POST", f"/items/{item_id}/login", login=login)

	def expire_item(self, item_id: int, **options: Any) -> dict[str, Any]:
		"""End the bank's authentication now, ``in_seconds`` or ``at``."""
		return self.call("POST", f"/items/{item_id}/expire", **options)

	def reconnect(self, item_id: int, **options: Any) -> dict[str, Any]:
		"""New ids for accounts and transactions."""
		return self.call("POST", f"/items/{item_id}/reconnect", **options)

	def tick(self, item_id: int | None = None, **options: Any) -> list[dict[str, Any]]:
		"""Run the scheduler once."""
		return self.call("POST", "/tick", item_id=item_id, **options)["items"]

	# accounts and transactions
	def add_account(self, item_id: int, **values: Any) -> dict[str, Any]:
		"""Open another account."""
		return self.call("POST", f"/items/{item_id}/accounts", **values)

	def edit_account(self, account_id: int, **values: Any) -> dict[str, Any]:
		"""Change an account."""
		return self.call("PATCH", f"/accounts/{account_id}", **values)

	def delete_account(self, account_id: int, **options: Any) -> None:
		"""Close an account."""
		self.call("DELETE", f"/accounts/{account_id}", **options)

	def transactions(self, account_id: int) -> list[dict[str, Any]]:
		"""List an account's transactions, deleted ones too."""
		return self.call("GET", f"/accounts/{account_id}/transactions")["transactions"]

	def add_transaction(self, account_id: int, **values: Any) -> dict[str, Any]:
		"""Add a transaction."""
		return self.call("POST", f"/accounts/{account_id}/transactions", **values)["transactions"][0]

	def add_transactions(
		self, account_id: int, rows: list[dict[str, Any]], **options: Any
	) -> list[dict[str, Any]]:
		"""Add several."""
		return self.call("POST", f"/accounts/{account_id}/transactions", transactions=rows, **options)[
			"transactions"
		]

	def edit_transaction(self, key: int, **values: Any) -> dict[str, Any]:
		"""Change a transaction."""
		return self.call("PATCH", f"/transactions/{key}", **values)

	def delete_transaction(self, key: int, **options: Any) -> dict[str, Any]:
		"""Mark a transaction deleted."""
		return self.call("DELETE", f"/transactions/{key}", **options)

	def book_transaction(self, key: int, **values: Any) -> dict[str, Any]:
		"""Book a future line."""
		return self.call("POST", f"/transactions/{key}/book", **values)

	def recreate_transaction(self, key: int, **options: Any) -> dict[str, Any]:
		"""Delete a transaction and bring it back under a new id."""
		return self.call("POST", f"/transactions/{key}/recreate", **options)

	def ledger(self, rows: bool = False, **scope: Any) -> dict[str, Any]:
		"""Return the expected ledger (``item_id``, ``user``, ``account_id``)."""
		return self.call("GET", "/ledger", rows=int(rows), **scope)

	def state(self) -> dict[str, Any]:
		"""Dump users, items and sessions."""
		return self.call("GET", "/state")

	# webhooks
	def add_webhook(self, url: str, **values: Any) -> dict[str, Any]:
		"""Add a webhook."""
		return self.call("POST", "/webhooks", url=url, **values)

	def webhooks(self) -> list[dict[str, Any]]:
		"""List the webhooks."""
		return self.call("GET", "/webhooks")["webhooks"]

	def edit_webhook(self, target_id: int, **values: Any) -> dict[str, Any]:
		"""Change a webhook."""
		return self.call("PATCH", f"/webhooks/{target_id}", **values)

	def delete_webhook(self, target_id: int) -> None:
		"""Remove a webhook."""
		self.call("DELETE", f"/webhooks/{target_id}")

	def rotate_webhook(self, target_id: int, secret: str, **values: Any) -> dict[str, Any]:
		"""Change a webhook's secret; both sign for a while."""
		return self.call("POST", f"/webhooks/{target_id}/rotate", secret=secret, **values)

	def webhook_settings(self, **values: Any) -> dict[str, Any]:
		"""``retry_schedule``, ``timeout``, ``copies``, ``shuffle``, ``reverse``."""
		return self.call("POST", "/webhooks/settings", **values)

	def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
		"""Return deliveries (``type``, ``status``, ``since``)."""
		return self.call("GET", "/webhooks/deliveries", **filters)["deliveries"]

	def resend(self, delivery_id: int) -> dict[str, Any]:
		"""Replay a delivery."""
		return self.call("POST", f"/webhooks/deliveries/{delivery_id}/resend")

	def test_event(self) -> list[int]:
		"""Send TEST_EVENT to every webhook."""
		return self.call("POST", "/webhooks/test")["deliveries"]

	def send_event(self, type: str = "item.refreshed", **values: Any) -> list[int]:
		"""Send any event, forged if asked."""
		return self.call("POST", "/webhooks/send", type=type, **values)["deliveries"]

	def drain_webhooks(self, timeout: float = 10.0) -> bool:
		"""Wait until nothing is due."""
		return self.call("POST", "/webhooks/drain", timeout=timeout)["drained"]

	# the end user
	def browser(self, link_url: str, language: str = "en") -> Browser:
		"""Open a connect link step by step."""
		return Browser(link_url, language)

	def complete_connect(
		self,
		link_url: str,
		login: str = "success",
		password: str = "demo",
		provider_id: int = 574,
		otp: str = "123456",
		accounts: list[int] | None = None,
		quit_at: str | None = None,
		retry_login: str | None = None,
		language: str = "en",
		wait: float = 30.0,
	) -> str | None:
		"""Walk the end user's pages as a browser would.

		Args:
			link_url: The connect link.
			login: Log-in, which is the scenario.
			password: Anything.
			provider_id: The bank to choose.
			otp: Code to type.
			accounts: Positions of the accounts to share; None keeps what is ticked.
			quit_at: Step at which to press Quit.
			retry_login: Log-in of the second try after a failure; without it the walker quits there.
			language: Accept-Language.
			wait: Seconds before giving up.

		Returns:
			The final Location (it is not followed), or None when the client gave no callback.

		Raises:
			SandboxError: The link is used up, or a page is not as expected.
		"""
		return Browser(link_url, language).walk(
			login, password, provider_id, otp, accounts, quit_at, retry_login, wait
		)
