"""KB, assembled: its three listeners, its authorities, what happens as time goes by."""

import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.door import Door, Endpoint
from bank_api.sandbox.http import Listener
from bank_api.sandbox.kb.adaa import Adaa
from bank_api.sandbox.kb.authority import KbAuthority
from bank_api.sandbox.kb.batchda import Batchda
from bank_api.sandbox.kb.batches import Batches
from bank_api.sandbox.kb.caas import Caas
from bank_api.sandbox.kb.channel import Channel
from bank_api.sandbox.kb.control import KbControl
from bank_api.sandbox.kb.door import CORRELATION
from bank_api.sandbox.kb.events import Events
from bank_api.sandbox.kb.model import KINDS, App
from bank_api.sandbox.kb.pages import Pages
from bank_api.sandbox.kb.registration import Registration
from bank_api.sandbox.kb.statda import Statda
from bank_api.sandbox.kb.state import KbState
from bank_api.sandbox.kb.visits import Visits
from bank_api.sandbox.kb.wire import GatewayFault, KbError, answer, error_body
from bank_api.sandbox.server import Server
from bank_api.sandbox.state import Core
from bank_api.sandbox.store import Record

_NO_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: dates are the sandbox's own business, on its own clock


class Kb:
	"""The simulated provider.

	Args:
		core: What all providers share.
	"""

	name = "kb"
	listeners = (
		Listener("kb", "kb-port", "KB's software statements over mutual TLS"),
		Listener("kbapi", "kb-api-port", "KB's APIs and token endpoint"),
		Listener("kbpages", "kb-pages-port", "KB's pages: registration, consent, the bank's channel"),
	)
	kinds = KINDS
	kept: tuple[type[Record], ...] = (App,)  # by a reset

	def __init__(self, core: Core) -> None:
		self.core = core
		self.url = self.api_url = self.pages_url = ""
		self._authority: KbAuthority | None = None
		self._context: ssl.SSLContext | None = None
		self.state = KbState(core)
		self.events = Events(self.state)
		self.registration = Registration(self.state, lambda: self.authority)
		self.caas = Caas(self.state)
		self.batches = Batches(self.state, self.events.changed)
		self.batchda = Batchda(self.state, self.batches)
		self.adaa = Adaa(self.state, self.events)
		self.statda = Statda(self.state)
		self.visits = Visits(self.state, self.registration, self.caas)
		self.pages = Pages(self.visits)
		self.channel = Channel(self.visits, self.pages, self.batches)
		self.control = KbControl(self)

	# authorities and TLS
	@property
	def authority(self) -> KbAuthority:
		"""The test authorities; made at the first use, and kept with the state."""
		if self._authority is None:
			saved = self.core.recall("kb_authority")
			self._authority = KbAuthority.restore(saved) if saved else KbAuthority.create()
			self.core.remember("kb_authority", self._authority.export())
			if self.core.options.data_dir:
				folder = Path(self.core.options.data_dir) / "kb"
				folder.mkdir(parents=True, exist_ok=True)
				(folder / "ca.pem").write_text(self._authority.pem)
		return self._authority

	def _server_context(self, host: str) -> ssl.SSLContext:
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.minimum_version = ssl.TLSVersion.TLSv1_2
		hosts = ["localhost", "127.0.0.1", "::1"]
		if host not in ("0.0.0.0", "::", *hosts):
			hosts.insert(0, host)
		chain, key = self.authority.server(hosts)
		with tempfile.TemporaryDirectory() as folder:
			for name, text in (("chain", chain), ("key", key)):
				(Path(folder) / name).write_text(text)
			context.load_cert_chain(Path(folder) / "chain", Path(folder) / "key")
		admitted = "".join(self.core.recall("kb_admitted", []))
		context.load_verify_locations(cadata=self.authority.everything + admitted)
		context.verify_mode = ssl.CERT_OPTIONAL  # without one, the answer is 403
		context.verify_flags |= ssl.VerifyFlags(_NO_TIME)
		return context

	def admit(self, certificate: str) -> None:
		"""Let a self-signed certificate pass the handshake."""
		self.core.remember("kb_admitted", [*self.core.recall("kb_admitted", []), certificate])
		if self._context is not None:
			self._context.load_verify_locations(cadata=certificate)

	# listeners
	def listen(self, host: str, port: int, api_port: int, pages_port: int) -> list[Server]:
		"""Bind the listeners: software statements over mutual TLS, the APIs, the pages; a port of 0 takes a free one."""
		with self.core.lock:
			self._context = self._server_context(host)
			self.core.store.flush()
		servers = [
			Server(host, port, self._door("kb", self._registration_endpoints()), self._context),
			Server(host, api_port, self._door("kbapi", self._api_endpoints())),
			Server(host, pages_port, self._door("kbpages", [*self.pages.routes(), *self.channel.routes()])),
		]
		self.url, self.api_url, self.pages_url = (server.url for server in servers)
		self.events.watch()
		return servers

	def _door(self, name: str, endpoints: list[tuple[str, str, Endpoint]]) -> Door:
		return Door(
			self.core, name, "KB", endpoints, self.before, self.router_error, self.fault_body, self.echo
		)

	def _registration_endpoints(self) -> list[tuple[str, str, Endpoint]]:
		def versioned(version: int) -> Endpoint:
			return self._guarded(lambda request: self.registration.statement(request, version))

		return [("POST", f"/v{version}/software-statements", versioned(version)) for version in (1, 2, 3)]

	def _api_endpoints(self) -> list[tuple[str, str, Endpoint]]:
		found: list[tuple[str, str, Callable[..., Response]]] = [
			("POST", "/oauth2/v3/access_token", self.caas.token),
			("POST", "/oauth2/v3/revoke", self.caas.revoke),
			*self.batchda.routes(),
			*self.adaa.routes(),
			*self.statda.routes(),
		]
		return [(method, path, self._guarded(function)) for method, path, function in found]

	def _guarded(self, function: Callable[..., Response]) -> Endpoint:
		"""Turn refusals into answers."""

		def endpoint(request: Request, **arguments: str) -> Response:
			try:
				made = function(request, **arguments)
			except KbError as error:
				request.environ.setdefault("sandbox.log", {})["code"] = error.problems[0].code
				body = error_body(error.problems, self.state.switches.error_form)
				made = answer(body, error.status, error.headers)
			except GatewayFault as fault:
				request.environ.setdefault("sandbox.log", {})["code"] = fault.code
				made = fault.answer()
			return self.echo(request, made)

		return endpoint

	# what the doors ask for
	def before(self) -> None:
		"""Make the company before the first call, and do what the clock has made due."""
		self.state.seed()
		self.batches.catch_up()

	def router_error(self, request: Request, status: int) -> Response:
		"""Answer for an address or method that does not exist, or a failure of the sandbox itself."""
		return self.echo(request, GatewayFault(status).answer())

	@staticmethod
	def fault_body(path: str, status: int) -> str:
		"""Write the body of an injected failure: it is the gateway that fails."""
		return GatewayFault(status, description="A failure on demand").answer().get_data(as_text=True)

	@staticmethod
	def echo(request: Request, made: Response) -> Response:
		"""Repeat the correlation id, which stays the same through all systems (section 2.2)."""
		sent = request.headers.get(CORRELATION)
		if sent:
			made.headers[CORRELATION] = sent
		return made

	def stop(self) -> None:
		"""End the nudges."""
		self.events.stop()

	def reset(self, switches: bool) -> None:
		"""Take note that the store was emptied; applications stay, the company is made anew."""
		self.core.remember("kb_files", [])
		self.adaa.forget_downloads()
		self.state.forget(switches)
