"""The WSGI app: routing, the lock, the call log, faults."""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from bank_api.sandbox import faults
from bank_api.sandbox.bridge.provider import Bridge
from bank_api.sandbox.clock import iso_ms, parse_instant
from bank_api.sandbox.control import CoreControl
from bank_api.sandbox.http import ControlError, ControlRoute, ExactNumber
from bank_api.sandbox.state import Core, Options
from bank_api.sandbox.webhooks import Delivery, Target

CONTROL = "/_control"
# What browsers fetch on their own uses up no fault and fills no log.
_QUIET = ("/_static/", "/favicon.ico")
_log = logging.getLogger("bank_api.sandbox")


class Sandbox:
	"""One simulator as a WSGI app.

	Args:
		options: What the command line says.
	"""

	def __init__(self, options: Options) -> None:
		self.options = options
		start = parse_instant(options.now) if options.now else None
		self.core = Core(options, [Target, Delivery, *Bridge.kinds], start)
		self.url = options.public_url
		self.bridge = Bridge(self.core, lambda: self.url)
		shared = CoreControl(
			self.core,
			self.bridge.sender,
			lambda: self.bridge.state.switches,
			self.bridge.reset,
			self.bridge.events.test_event,
			self.bridge.events.raw,
		)
		self.map = Map(strict_slashes=False, redirect_defaults=False, merge_slashes=False)
		for method, path, function in self.bridge.endpoints():
			self.map.add(Rule(path, methods=[method], endpoint=function))
		for route in [*shared.routes(), *self.bridge.control.routes()]:
			self.map.add(Rule(CONTROL + route.path, methods=[route.method], endpoint=route))
		with self.core.lock:
			self.core.remember("clock", self.core.clock.export())
			self.core.store.flush()

	def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
		"""Serve one request."""
		request = Request(environ)
		if request.path.startswith(CONTROL):
			response = self._control(request)
		elif request.path.startswith(_QUIET):
			response = self._dispatch(request)
		else:
			response = self._logged(request)
		return response(environ, start_response)

	# clients' calls
	def _logged(self, request: Request) -> Response:
		began = time.monotonic()
		status: Any = "cut"
		size = 0
		now = self.core.clock.now()
		try:
			response = self._faulty(request)
			status = response.status_code
			size = response.content_length or 0
			return response
		finally:
			self.core.calls.add(
				{
					"at": iso_ms(now),
					"method": request.method,
					"path": request.path,
					"query": request.query_string.decode("latin-1"),
					"status": status,
					"bytes": size,
					"ms": round((time.monotonic() - began) * 1000, 2),
					"remote": f"{request.remote_addr}:{request.environ.get('REMOTE_PORT', '')}",
					"request_id": request.headers.get("X-Request-Id"),
					"language": request.headers.get("Accept-Language"),
				}
			)

	def _faulty(self, request: Request) -> Response:
		if self.core.latency_ms:
			time.sleep(self.core.latency_ms / 1000)
		rule = self.core.faults.match(request.method, request.path, request.query_string.decode("latin-1"))
		if rule is None:
			return self._dispatch(request)
		answer = self._dispatch(request) if rule.needs_answer else None
		return faults.apply(rule, answer, lambda status: self.bridge.fault_body(request.path, status))

	def _dispatch(self, request: Request) -> Response:
		path = request.path
		try:
			function, args = self.map.bind_to_environ(request.environ).match()
		except MethodNotAllowed:
			return self.bridge.error(path, 405, "method_not_allowed", "This method is not allowed here.")
		except HTTPException:
			return self.bridge.error(path, 404, "not_found", "This address does not exist.")
		with self.core.lock:
			self.bridge.before()
			try:
				return function(request, **args)
			except Exception:
				# a slip of the simulator must look like one in the log, and like Bridge's own 500 to the client
				_log.exception("%s %s failed in the sandbox", request.method, path)
				return self.bridge.error(path, 500, "internal_server_error", "The sandbox failed.")
			finally:
				self.core.store.flush()

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
		with self.core.lock:
			self.core.store.close()


def _json(value: dict[str, Any], status: int = 200) -> Response:
	return Response(json.dumps(value, ensure_ascii=False), status, content_type="application/json")
