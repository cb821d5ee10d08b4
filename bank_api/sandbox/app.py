"""The WSGI app: the providers behind their doors, and the control API."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from bank_api.sandbox.bridge.provider import Bridge
from bank_api.sandbox.clock import parse_instant
from bank_api.sandbox.control import CoreControl
from bank_api.sandbox.door import Door
from bank_api.sandbox.http import ControlError, ControlRoute, ExactNumber, Listener
from bank_api.sandbox.kb.provider import Kb
from bank_api.sandbox.migdal.provider import Migdal
from bank_api.sandbox.quanto.provider import Quanto
from bank_api.sandbox.server import Server
from bank_api.sandbox.state import Core, Meta, Options
from bank_api.sandbox.webhooks import Delivery, Target

CONTROL = "/_control"
FURTHER = (Migdal, Quanto, Kb)  # those with listeners of their own, in the order of their ports
_log = logging.getLogger("bank_api.sandbox")


class Sandbox:
	"""One simulator as a WSGI app: the control API, and Bridge; the others have listeners of their own (``listen``).

	Args:
		options: What the command line says.
	"""

	server_name = "Bridge"  # bridge.md 0

	def __init__(self, options: Options) -> None:
		self.options = options
		start = parse_instant(options.now) if options.now else None
		kinds = [kind for provider in (Bridge, *FURTHER) for kind in provider.kinds]
		self.core = Core(options, [Target, Delivery, *kinds], start)
		self.url = options.public_url
		self.bridge = Bridge(self.core, lambda: self.url)
		self.migdal = Migdal(self.core)
		self.quanto = Quanto(self.core)
		self.kb = Kb(self.core)
		self.further = (self.migdal, self.quanto, self.kb)
		shared = CoreControl(
			self.core,
			self.bridge.sender,
			lambda: self.bridge.state.switches,
			self._reset,
			self.bridge.events.test_event,
			self.bridge.events.raw,
		)
		self.door = Door(
			self.core,
			"bridge",
			self.server_name,
			self.bridge.endpoints(),
			self.bridge.before,
			self._bridge_error,
			self.bridge.fault_body,
		)
		self.map = Map(strict_slashes=False, redirect_defaults=False, merge_slashes=False)
		controls = (shared, self.bridge.control, *(provider.control for provider in self.further))
		routes = [route for control in controls for route in control.routes()]
		for route in routes:
			self.map.add(Rule(CONTROL + route.path, methods=[route.method], endpoint=route))
		with self.core.lock:
			self.core.remember("clock", self.core.clock.export())
			self.core.store.flush()

	def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
		"""Serve one request."""
		request = Request(environ)
		if request.path.startswith(CONTROL):
			response = self._control(request)
		else:
			response = self.door.answer(request)
		return response(environ, start_response)

	def _bridge_error(self, request: Request, status: int) -> Response:
		code, message = {
			404: ("not_found", "This address does not exist."),
			405: ("method_not_allowed", "This method is not allowed here."),
			500: ("internal_server_error", "The sandbox failed."),
		}[status]
		return self.bridge.error(request.path, status, code, message)

	def _reset(self, switches: bool) -> None:
		providers = (self.bridge, *self.further)
		self.core.store.clear(keep=(Meta, *(kind for provider in providers for kind in provider.kept)))
		for provider in providers:
			provider.reset(switches)

	# further listeners
	def listen(self, host: str, *ports: int) -> list[Server]:
		"""Bind the further providers' listeners.

		Args:
			host: The address to bind.
			*ports: One for each of ``listeners()``; 0 takes a free one, and so do those left out.

		Returns:
			The servers in this order, bound but not yet serving.
		"""
		left = list(ports)
		servers: list[Server] = []
		for provider in self.further:
			own = [left.pop(0) if left else 0 for _ in provider.listeners]
			servers += provider.listen(host, *own)
		return servers

	# control
	def _control(self, request: Request) -> Response:
		try:
			route, args = self.map.bind_to_environ(request.environ).match()
			values = self._values(request)
			return _json(self._run_control(route, values, args))
		except ControlError as error:
			return _json({"error": str(error)}, error.status)
		except HTTPException as error:
			return _json({"error": error.description}, error.code or 500)
		except KeyError as error:
			return _json({"error": f"{error.args[0]} is missing"}, 400)
		except Exception as error:
			_log.exception("control call failed")
			return _json({"error": f"{type(error).__name__}: {error}"}, 500)

	def _run_control(
		self, route: ControlRoute, values: dict[str, Any], args: Mapping[str, Any]
	) -> dict[str, Any]:
		if not route.locked:
			return route.handler(values, **args)
		with self.core.lock:
			self.bridge.before()
			for provider in self.further:
				if route.path.startswith(f"/{provider.name}"):
					provider.before()
			try:
				return route.handler(values, **args)
			finally:
				self.core.store.flush()

	@staticmethod
	def _values(request: Request) -> dict[str, Any]:
		flags = {"true": True, "false": False}
		values: dict[str, Any] = {name: flags.get(value, value) for name, value in request.args.items()}
		data = request.get_data()
		if data:
			try:
				body = json.loads(data, parse_float=ExactNumber)
			except ValueError as error:
				raise ControlError(400, "the body is not JSON") from error
			if not isinstance(body, dict):
				raise ControlError(400, "the body must be an object")
			values |= body
		return values

	def close(self) -> None:
		"""Stop the webhooks and write what is left."""
		self.bridge.sender.stop()
		for provider in self.further:
			provider.stop()
		with self.core.lock:
			self.core.store.close()


def _json(value: dict[str, Any], status: int = 200) -> Response:
	return Response(json.dumps(value, ensure_ascii=False), status, content_type="application/json")


def listeners() -> list[Listener]:
	"""Return the further providers' listeners, in the order of their ports."""
	return [listener for provider in FURTHER for listener in provider.listeners]
