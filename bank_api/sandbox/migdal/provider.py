"""Migdal, assembled: the routes of its two listeners, the verifier before each call, its authorities."""

import json
import re
import ssl
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.door import Door, Endpoint
from bank_api.sandbox.http import Listener
from bank_api.sandbox.migdal import errors
from bank_api.sandbox.migdal.authority import SIGNING, TRANSPORT, Authority
from bank_api.sandbox.migdal.call import Call, Reply
from bank_api.sandbox.migdal.consents import METADATA, Consents
from bank_api.sandbox.migdal.control import MigdalControl
from bank_api.sandbox.migdal.errors import Xs2aError, format_error
from bank_api.sandbox.migdal.flow import Flow
from bank_api.sandbox.migdal.model import ACCOUNT, CARD, KINDS, LOAN
from bank_api.sandbox.migdal.oauth import OAuth
from bank_api.sandbox.migdal.pages import Pages
from bank_api.sandbox.migdal.reading import Reading
from bank_api.sandbox.migdal.state import MigdalState
from bank_api.sandbox.migdal.verifier import Verifier
from bank_api.sandbox.migdal.views import Views
from bank_api.sandbox.server import PEER_CERTIFICATE, Server
from bank_api.sandbox.state import Core
from bank_api.sandbox.store import Record

CONSENT_BASES = ("/api/consent/v1.6/consents", "/v1/consents")
LOAN_BASES = ("/api/loan/v1.4/loans", "/v1/loans")
_ACCEPTED = ("application/json", "application/problem+json", "application/*", "*/*")
_NO_TIME = (
	0x200000  # X509_V_FLAG_NO_CHECK_TIME: dates are the verifier's business, on the sandbox's own clock
)


class Migdal:
	"""The simulated provider.

	Args:
		core: What all providers share.
	"""

	name = "migdal"
	listeners = (
		Listener("migdal", "migdal-port", "Migdal's API over mutual TLS"),
		Listener("pages", "migdal-pages-port", "Migdal's pages"),
	)
	kinds = KINDS
	kept: tuple[type[Record], ...] = ()  # by a reset

	def __init__(self, core: Core) -> None:
		self.core = core
		self.url = self.pages_url = ""
		self.demand: Callable[[bool], None] = lambda demanded: None  # the listener's, once it is bound
		self._authority: Authority | None = None
		self.state = MigdalState(core)
		self.views = Views(self.state, lambda: self.url)
		self.verifier = Verifier(
			self._issuers,
			lambda serial: core.recall("migdal_serials", {}).get(serial, "good"),
			lambda: self.state.switches,
			lambda: self.state.moment,
			lambda: datetime.now(timezone.utc),
		)
		self.consents = Consents(self.state, self.views, lambda: self.url, lambda: self.pages_url)
		self.oauth = OAuth(self.state, lambda: self.url, lambda: self.pages_url)
		self.reading = Reading(self.state, self.views, self.consents.find, self.oauth.check)
		self.flow = Flow(self.state, self.views)
		self.pages = Pages(self.flow)
		self.control = MigdalControl(self)
		self._seen: set[str] = set()

	# authorities and TLS
	@property
	def authority(self) -> Authority:
		"""The test authorities; made at the first use, and kept with the state."""
		if self._authority is None:
			saved = self.core.recall("migdal_authority")
			self._authority = Authority.restore(saved) if saved else Authority.create()
			self.core.remember("migdal_authority", self._authority.export())
			if self.core.options.data_dir:
				folder = Path(self.core.options.data_dir) / "migdal"
				folder.mkdir(parents=True, exist_ok=True)
				(folder / "ca.pem").write_text(self._authority.pem)
				(folder / "issuers.pem").write_text(
					self._authority.trusted[TRANSPORT].pem + self._authority.trusted[SIGNING].pem
				)
		return self._authority

	def _issuers(self) -> dict[str, Any]:
		trusted = self.authority.trusted
		return {usage: trusted[usage].certificate for usage in (TRANSPORT, SIGNING)}

	def listen(self, host: str, port: int, pages_port: int) -> list[Server]:
		"""Bind the listeners: the API over mutual TLS, and the end user's pages; a port of 0 takes a free one."""
		with self.core.lock:
			contexts = [self._server_context(host, demand=demand) for demand in (True, False)]
			self.core.store.flush()
		api = Server(host, port, self._door("migdal", self.api_endpoints()), contexts[0])
		self.demand = lambda demanded: setattr(api, "tls", contexts[0 if demanded else 1])
		self.demand(self.state.switches.client_certificate == "required")
		pages = Server(host, pages_port, self._door("pages", self.page_endpoints()))
		self.url, self.pages_url = api.url, pages.url
		return [api, pages]

	def _door(self, name: str, endpoints: list[tuple[str, str, Endpoint]]) -> Door:
		return Door(
			self.core,
			name,
			"openhub",
			endpoints,
			self.before,
			self.router_error,
			self.fault_body,
			self.echo,
		)

	def _server_context(self, host: str, *, demand: bool) -> ssl.SSLContext:
		"""Make the TLS context of the API's listener.

		Args:
			host: The address it binds.
			demand: Whether a client without a certificate is refused in the handshake already.

		Returns:
			The context.
		"""
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.minimum_version = ssl.TLSVersion.TLSv1_2
		hosts = list(
			dict.fromkeys(
				[host if host not in ("0.0.0.0", "::") else "localhost", "localhost", "127.0.0.1", "::1"]
			)
		)
		chain, key = self.authority.server(hosts)
		with tempfile.TemporaryDirectory() as folder:
			for name, text in (("chain", chain), ("key", key)):
				(Path(folder) / name).write_text(text)
			context.load_cert_chain(Path(folder) / "chain", Path(folder) / "key")
		context.load_verify_locations(cadata=self.authority.everything)
		context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
		context.verify_flags |= ssl.VerifyFlags(_NO_TIME)
		return context

	# routes
	def api_endpoints(self) -> list[tuple[str, str, Endpoint]]:
		"""Return method, path and function of the API's listener."""
		found: list[tuple[str, str, Endpoint]] = [
			("POST", "/oauth/token", self._token),
			("GET", METADATA, self._metadata),
		]
		for base in CONSENT_BASES:
			found += self._consent_routes(base)
		for base in LOAN_BASES:
			found += self._data_routes(base, LOAN)
		found += self._data_routes("/v1/accounts", ACCOUNT) + self._data_routes("/v1/card-accounts", CARD)
		reading = self.reading.transaction
		path = "/v1/accounts/<resource_id>/transactions/<transaction_id>"
		found.append(
			("GET", path, self._verified("/v1/accounts", lambda call, **a: reading(call, ACCOUNT, **a)))
		)
		return found

	def _consent_routes(self, base: str) -> list[tuple[str, str, Endpoint]]:
		one = f"{base}/<consent_id>"
		signing = f"{one}/authorisations"
		operations = (
			("POST", base, self.consents.create),
			("GET", one, self.consents.read),
			("DELETE", one, self.consents.delete),
			("GET", f"{one}/status", self.consents.status),
			("GET", signing, self.consents.list_authorisations),
			("POST", signing, self.consents.start_authorisation),
			("GET", f"{signing}/<authorisation_id>", self.consents.sca_status),
			("PUT", f"{signing}/<authorisation_id>", self.consents.update_psu),
		)
		return [(method, path, self._verified(base, function)) for method, path, function in operations]

	def _data_routes(self, base: str, kind: str) -> list[tuple[str, str, Endpoint]]:
		reading = self.reading
		operations: tuple[tuple[str, Callable[..., Reply]], ...] = (
			("", lambda call: reading.accounts(call, kind)),
			("/<resource_id>", lambda call, **a: reading.account(call, kind, **a)),
			("/<resource_id>/balances", lambda call, **a: reading.balances(call, kind, **a)),
			("/<resource_id>/transactions", lambda call, **a: reading.transactions(call, kind, **a)),
		)
		return [("GET", base + path, self._verified(base, function)) for path, function in operations]

	def page_endpoints(self) -> list[tuple[str, str, Endpoint]]:
		"""Return method, path and function of the pages' listener."""
		return [
			("GET", "/oauth/authorize", self.pages.authorize),
			("GET", "/oauth/start/<ticket>", self.pages.start),
			("GET", "/consent/<trip_id>", self.pages.visit),
			("POST", "/consent/<trip_id>", self.pages.visit),
			("GET", "/consent/<trip_id>/return", self.pages.leave),
			("GET", METADATA, self.oauth.metadata),
		]

	# calls
	def _verified(self, base: str, function: Callable[..., Reply]) -> Endpoint:
		"""Put the verifier before an operation."""

		def endpoint(request: Request, **arguments: str) -> Response:
			try:
				return self._reply(request, function(self._call(request, base), **arguments))
			except Xs2aError as error:
				return self.refusal(request, error)

		return endpoint

	def _call(self, request: Request, base: str) -> Call:
		"""Check a request in the order of section 5.5."""
		body = request.get_data()
		leaf = self.verifier.transport(request.environ.get(PEER_CERTIFICATE))
		self._request_id(request)
		accept = request.headers.get("Accept", "*/*")
		if not any(part.split(";")[0].strip() in _ACCEPTED for part in accept.split(",")):
			raise Xs2aError(406, "REQUESTED_FORMATS_INVALID", "Only application/json is offered.", "Accept")
		log = request.environ.setdefault("sandbox.log", {})
		self.verifier.signature(request.headers, body, leaf, log)
		if body and request.mimetype != "application/json":
			raise Xs2aError(415, "FORMAT_ERROR", "The body must be application/json.", "Content-Type")
		return Call(request, leaf, body, base)

	def _request_id(self, request: Request) -> None:
		text = request.headers.get("X-Request-ID", "")
		if not _is_uuid(text):
			raise format_error("X-Request-ID is missing, or no UUID.", "X-Request-ID")
		if self.state.switches.request_id_once and text in self._seen:
			raise format_error("This X-Request-ID was used already.", "X-Request-ID")
		self._seen.add(text)

	def _reply(self, request: Request, reply: Reply) -> Response:
		if reply.body is None:
			answer = Response(b"", reply.status)
			del answer.headers["Content-Type"]
		else:
			text = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
			answer = Response(text, reply.status, content_type="application/json")
		answer.headers.update(reply.headers)
		return self.echo(request, answer)

	def refusal(self, request: Request, error: Xs2aError) -> Response:
		"""Write an error; some statuses have no body (section 7.1)."""
		if error.status in errors.BODYLESS:
			answer = Response(b"", error.status)
		else:
			text, content_type = errors.body(
				error.code, error.text, error.path, self.state.switches.error_form
			)
			answer = Response(text, error.status, content_type=content_type)
		answer.headers.update(error.headers)
		request.environ.setdefault("sandbox.log", {})["code"] = error.code
		return self.echo(request, answer)

	@staticmethod
	def echo(request: Request, answer: Response) -> Response:
		"""Repeat the request's id; where none was usable, the answer gets one of its own, as it must have one."""
		sent = request.headers.get("X-Request-ID", "")
		answer.headers["X-Request-ID"] = sent if _is_uuid(sent) else str(uuid.uuid4())
		return answer

	def _token(self, request: Request) -> Response:
		try:
			leaf = self.verifier.transport(request.environ.get(PEER_CERTIFICATE))
		except Xs2aError as error:
			return self.refusal(request, error)
		return self.oauth.token(request, leaf)

	def _metadata(self, request: Request) -> Response:
		return self.oauth.metadata(request)

	# what the door asks for
	def before(self) -> None:
		"""Make the customers before the first call."""
		self.state.seed()

	def router_error(self, request: Request, status: int) -> Response:
		"""Answer for an address or method that does not exist, or a failure of the sandbox itself."""
		if status == 500:
			return self.refusal(request, Xs2aError(500, "INTERNAL_SERVER_ERROR", "The sandbox failed."))
		return self.refusal(request, Xs2aError(status, errors.CODES[status], "This does not exist here."))

	def fault_body(self, path: str, status: int) -> str:
		"""Write the body of an injected failure."""
		if status in errors.BODYLESS:
			return ""
		code = errors.CODES.get(status, "SERVICE_BLOCKED")
		return errors.body(code, "A failure on demand.", None, "tpp")[0]

	def stop(self) -> None:
		"""Nothing runs in the background."""

	def reset(self, switches: bool) -> None:
		"""Forget everything but the authorities; the customers are made anew."""
		self._seen.clear()
		self.state.forget(switches)
		self.demand(self.state.switches.client_certificate == "required")

	def remember_switches(self) -> None:
		"""Put changed switches into effect, and keep them over a restart."""
		self.demand(self.state.switches.client_certificate == "required")
		self.core.remember("migdal_switches", asdict(self.state.switches))


def _is_uuid(text: str) -> bool:
	return bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text))
