"""Bridge, assembled: what the app mounts."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.bridge.api import Api
from bank_api.sandbox.bridge.banks import BANKS
from bank_api.sandbox.bridge.control import BridgeControl
from bank_api.sandbox.bridge.errors import BridgeError
from bank_api.sandbox.bridge.events import HEADER, SOURCE_IPS, Events, sign
from bank_api.sandbox.bridge.flow import Flow
from bank_api.sandbox.bridge.lifecycle import Lifecycle
from bank_api.sandbox.bridge.listing import TransactionQueries
from bank_api.sandbox.bridge.model import KINDS, App
from bank_api.sandbox.bridge.operations import routes
from bank_api.sandbox.bridge.pages import Pages
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.bridge.switches import Switches
from bank_api.sandbox.state import Core
from bank_api.sandbox.store import Record
from bank_api.sandbox.webhooks import Target, WebhookSender

Endpoint = Callable[..., Response]


class Bridge:
	"""The simulated provider."""

	kinds = KINDS
	kept: tuple[type[Record], ...] = (App, Target)  # by a reset

	def __init__(self, core: Core, base: Callable[[], str]) -> None:
		self.core = core
		self.sender = WebhookSender(core.clock, core.store, core.lock, sign, HEADER, SOURCE_IPS)
		self.state = BridgeState(core)
		self.events = Events(self.state, self.sender)
		self.lifecycle = Lifecycle(self.state, self.events)
		self.queries = TransactionQueries(self.state)
		self.api = Api(self.state, self.events, self.lifecycle, self.queries, base)
		self.pages = Pages(Flow(self.state, self.lifecycle))
		self.control = BridgeControl(self.state, self.lifecycle)
		self._first_target()
		self.sender.resume()

	def _first_target(self) -> None:
		options = self.core.options
		if options.webhook_url and not any(
			t.url == options.webhook_url for t in self.sender.targets().values()
		):
			number = self.core.number("target", 1)
			target = Target(
				number, options.webhook_url, options.webhook_secret, version=options.webhook_version
			)
			self.sender.add_target(target)

	def endpoints(self) -> list[tuple[str, str, Endpoint]]:
		"""Return method, path and function of everything but the control API."""
		found: list[tuple[str, str, Endpoint]] = []
		for version, operations in routes(self.api).items():
			for route in operations:

				def call(
					request: Request, version: int = version, route: Any = route, **args: Any
				) -> Response:
					return self.api.call(version, route, request, args)

				found.append((route.method, route.path, call))
		found.append(("GET", "/session/<session_uuid>", self.pages.handle))
		found.append(("POST", "/session/<session_uuid>", self.pages.handle))
		found.append(("GET", "/_static/banks/<int:bank_id>.svg", self.logo))
		return found

	def logo(self, request: Request, bank_id: int) -> Response:
		"""Draw a bank's logo: its initial on its colour."""
		bank = BANKS.get(bank_id)
		letter, colour = (bank.name[0], bank.colour) if bank else ("?", "888888")
		text = (
			'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
			f'<rect width="32" height="32" rx="6" fill="#{colour}"/><text x="16" y="22" font-family="sans-serif" '
			f'font-size="18" fill="#fff" text-anchor="middle">{letter}</text></svg>'
		)
		return Response(text, content_type="image/svg+xml")

	def error(self, path: str, status: int, code: str, message: str) -> Response:
		"""Answer an error of the router in the version that the path names."""
		return self.api.error(_version(path), BridgeError(status, code, message))

	def fault_body(self, path: str, status: int) -> str:
		"""Write the body of an injected failure."""
		return self.api.fault_body(_version(path), status)

	def before(self) -> None:
		"""Catch up with the clock; runs before each call, under the lock."""
		self.lifecycle.run_due()

	def reset(self, switches: bool) -> None:
		"""Take note that users and items are gone from the store; credentials, webhooks and number series stay."""
		self.core.remember("due", [])
		self.queries.forget()
		self.state.items_by_user.clear()
		self.state.accounts_by_item.clear()
		self.state.rows_by_account.clear()
		if switches:
			self.state.switches = Switches()
			self.state.switches.update(self.core.options.switches)
			self.core.remember("switches", asdict(self.state.switches))


def _version(path: str) -> int:
	return 2 if path.startswith("/v2") else 3
