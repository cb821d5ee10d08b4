"""Quanto, assembled: its listener, the banks' listener, the poll of the banks."""

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.door import Door, Endpoint
from bank_api.sandbox.http import Listener
from bank_api.sandbox.quanto import errors
from bank_api.sandbox.quanto.aggregator import Aggregator
from bank_api.sandbox.quanto.api import Answer, Api
from bank_api.sandbox.quanto.bank.call import echo
from bank_api.sandbox.quanto.bank.model import KINDS as BANK_KINDS
from bank_api.sandbox.quanto.bank.provider import Banks
from bank_api.sandbox.quanto.bank.state import SwitchBox
from bank_api.sandbox.quanto.control import QuantoControl
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.flow import Flow
from bank_api.sandbox.quanto.hooks import Events, QuantoSender
from bank_api.sandbox.quanto.model import KEPT, KINDS
from bank_api.sandbox.quanto.pages import OnboardingPages, Pages
from bank_api.sandbox.quanto.sessions import Consents, Sessions
from bank_api.sandbox.quanto.setup import Setup
from bank_api.sandbox.quanto.switches import QuantoSwitches
from bank_api.sandbox.server import Server
from bank_api.sandbox.state import Core

_log = logging.getLogger("bank_api.sandbox")
_TICK = 0.2  # real seconds between two looks at the clock


class Quanto:
	"""The simulated provider.

	Args:
		core: What all providers share.
	"""

	name = "quanto"
	listeners = (
		Listener("quanto", "quanto-port", "Quanto's API and pages"),
		Listener("banks", "banks-port", "the banks behind Quanto"),
	)
	kinds = [*KINDS, *BANK_KINDS]
	kept = KEPT

	def __init__(self, core: Core) -> None:
		self.core, self.url = core, ""
		self.switches = SwitchBox()
		self.switches.now.update(core.options.quanto_switches)
		if core.restored:
			self.switches.now.update(core.recall("quanto_switches", {}))
		self.banks = Banks(core, self.switches)
		self.state = self.banks.state
		self.answer: Callable[[Request], Response] | None = None  # the banks' listener, once it is bound
		self.sender = QuantoSender(self.state)
		self.events = Events(self.state, self.sender)
		self.api = Api(self.state)
		self.setup = Setup(self.state, self.api, self.sender, self.events)
		self.aggregator = Aggregator(self.state, self.events, self._ask, self._addresses)
		self.sessions = Sessions(self.state, self.setup, self.aggregator, lambda: self.url)
		self.consents = Consents(self.state, self.aggregator, self._addresses)
		self.flow = Flow(self.state, self.sessions, self.aggregator)
		self.pages = Pages(self.flow)
		self.onboarding = OnboardingPages(self.setup)
		self.control = QuantoControl(self)
		self._polled = 0
		self._stopped = threading.Event()
		self.sender.resume()

	def _ask(self, request: Request) -> Response:
		if self.answer is None:
			raise OfbError(504, detail="The banks do not listen.")
		return self.answer(request)

	def _addresses(self) -> tuple[str, str]:
		return self.banks.url, self.url

	# listeners
	def listen(self, host: str, port: int, banks_port: int) -> list[Server]:
		"""Bind the listeners: Quanto, and the banks behind it; a port of 0 takes a free one."""
		banks = self.banks
		own = Door(
			self.core,
			"quanto",
			"quanto",
			self.endpoints(),
			self.before,
			self.router_error,
			self.fault_body,
			self.echo,
		)
		further = Door(
			self.core,
			"banks",
			"openbanking",
			banks.endpoints(),
			self.before,
			banks.router_error,
			banks.fault_body,
			banks.echo,
		)
		servers = [Server(host, port, own), Server(host, banks_port, further)]
		self.url, banks.url = (server.url for server in servers)
		self.answer = further.answer
		self.watch()
		return servers

	# routes
	def endpoints(self) -> list[tuple[str, str, Endpoint]]:
		"""Return method, path and function of Quanto's listener."""
		setup, consents = self.setup, self.consents
		one = "/v1/consents/<consent_id>"
		operations: list[tuple[str, str, Callable[..., Answer]]] = [
			("POST", "/v1/certificates", setup.upload),
			("GET", "/v1/certificates", setup.list_certificates),
			("DELETE", "/v1/certificates/<certificate_id>", setup.delete_certificate),
			("PUT", "/v1/credentials", setup.put_credentials),
			("GET", "/v1/credentials", setup.get_credentials),
			("PUT", "/v1/whitelabel/<product>", setup.put_whitelabel),
			("GET", "/v1/whitelabel/<product>", setup.get_whitelabel),
			("GET", "/v1/webhooks", setup.list_webhooks),
			("POST", "/v1/webhooks", setup.add_webhook),
			("GET", "/v1/webhooks/<hook_id>", setup.get_webhook),
			("PUT", "/v1/webhooks/<hook_id>", setup.put_webhook),
			("DELETE", "/v1/webhooks/<hook_id>", setup.delete_webhook),
			("POST", "/v1/webhooks/<hook_id>/test", setup.ping_webhook),
			("POST", "/v1/sessions", self.sessions.start),
			("GET", "/v1/sessions/<session_id>", self.sessions.read),
			("GET", "/v1/consents", consents.index),
			("GET", one, consents.read),
			("DELETE", one, consents.delete),
			("POST", f"{one}/extends", consents.extend),
			("GET", f"{one}/extensions", consents.extensions),
			("GET", f"{one}/<path:path>", consents.data),
		]
		found: list[tuple[str, str, Endpoint]] = [
			("GET", "/onboarding/<token>", self.onboarding.handle),
			("POST", "/onboarding/<token>", self.onboarding.handle),
			("GET", "/s/<ticket>", self.pages.open),
			("GET", "/session/<session_id>", self.pages.visit),
			("POST", "/session/<session_id>", self.pages.visit),
			("GET", "/callback", self.pages.callback),
		]
		return [*found, *((method, path, self.api.endpoint(call)) for method, path, call in operations)]

	# what the doors ask for
	def before(self) -> None:
		"""Make the customers before the first call."""
		self.state.seed()

	def router_error(self, request: Request, status: int) -> Response:
		"""Answer for an address or method that does not exist, or a failure of the sandbox itself."""
		return self.api.refusal(request, OfbError(status))

	def fault_body(self, path: str, status: int) -> str:
		"""Write the body of an injected failure."""
		return errors.body(OfbError(status, detail="A failure on demand."), self.state.stamp)

	echo = staticmethod(echo)

	# the poll (section 6.1: no bank tells by itself)
	def watch(self) -> None:
		"""Start reading the banks in the background."""
		threading.Thread(target=self._watch, daemon=True, name="quanto-poll").start()

	def _watch(self) -> None:
		while not self._stopped.wait(_TICK):
			switches = self.switches.now
			if (
				not switches.auto_poll
				or abs(self.core.clock.now() - self._polled) < switches.poll_seconds * 1000
			):
				continue
			with self.core.lock:
				try:
					self.poll()
				except Exception:
					_log.exception(
						"the poll of the banks failed in the sandbox"
					)  # and goes on at the next turn
				finally:
					self.core.store.flush()

	def poll(self) -> None:
		"""Read every sharing at its bank once; the caller holds the lock."""
		self._polled = self.core.clock.now()
		if self.answer is not None:
			self.aggregator.poll()

	def stop(self) -> None:
		"""End the poll and the webhooks."""
		self._stopped.set()
		self.sender.stop()

	def reset(self, switches: bool) -> None:
		"""Take note that the store was emptied; institutions and what they set up stay."""
		self.sender.forget()
		self.state.forget()
		self.banks.oauth.forget()
		if switches:
			self.switches.now = QuantoSwitches()
			self.switches.now.update(self.core.options.quanto_switches)
			self.remember_switches()

	def remember_switches(self) -> None:
		"""Keep changed switches over a restart."""
		self.core.remember("quanto_switches", asdict(self.switches.now))
