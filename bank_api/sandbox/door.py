"""One listener as a WSGI app: the call log, latency and faults around the calls of clients."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from bank_api.sandbox import faults
from bank_api.sandbox.clock import iso_ms
from bank_api.sandbox.state import Core

Endpoint = Callable[..., Response]
# Calls that use up no fault and fill no log.
_QUIET = ("/_static/", "/favicon.ico")
_log = logging.getLogger("bank_api.sandbox")


class Door:
	"""What stands behind one port.

	Args:
		core: What all providers share.
		name: For the call log.
		server_name: What the Server header says.
		endpoints: Method, path and function of each call.
		before: Runs before each call, under the lock.
		router_error: Answers 404, 405, and 500 for a slip of the sandbox itself.
		fault_body: Writes the body of an injected failure from path and status.
		echo: Puts on an injected failure what every answer of the provider carries.
	"""

	def __init__(
		self,
		core: Core,
		name: str,
		server_name: str,
		endpoints: Iterable[tuple[str, str, Endpoint]],
		before: Callable[[], None],
		router_error: Callable[[Request, int], Response],
		fault_body: Callable[[str, int], str],
		echo: Callable[[Request, Response], Response] = lambda request, response: response,
	) -> None:
		self.core, self.name, self.server_name = core, name, server_name
		self._before, self._router_error, self._fault_body = before, router_error, fault_body
		self._echo = echo
		self.map = Map(strict_slashes=False, redirect_defaults=False, merge_slashes=False)
		for method, path, function in endpoints:
			self.map.add(Rule(path, methods=[method], endpoint=function))

	def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
		"""Serve one request."""
		return self.answer(Request(environ))(environ, start_response)

	def answer(self, request: Request) -> Response:
		"""Serve one request of a client."""
		# what browsers fetch on their own, and what one simulator polls of another
		if request.path.startswith(_QUIET) or request.environ.get("sandbox.quiet"):
			return self._dispatch(request)
		return self._logged(request)

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
					"door": self.name,
					"method": request.method,
					"path": request.path,
					"query": request.query_string.decode("latin-1"),
					"status": status,
					"bytes": size,
					"ms": round((time.monotonic() - began) * 1000, 2),
					"remote": f"{request.remote_addr}:{request.environ.get('REMOTE_PORT', '')}",
					"request_id": request.headers.get("X-Request-Id"),
					"language": request.headers.get("Accept-Language"),
					**request.environ.get("sandbox.log", {}),
				}
			)

	def _faulty(self, request: Request) -> Response:
		if self.core.latency_ms and not request.environ.get("sandbox.inside"):
			time.sleep(self.core.latency_ms / 1000)
		rule = self.core.faults.match(request.method, request.path, request.query_string.decode("latin-1"))
		if rule is None:
			return self._dispatch(request)
		answer = self._dispatch(request) if rule.needs_answer else None
		made = faults.apply(rule, answer, lambda status: self._fault_body(request.path, status))
		return self._echo(request, made) if rule.kind == "status" else made

	def _dispatch(self, request: Request) -> Response:
		try:
			function, args = self.map.bind_to_environ(request.environ).match()
		except MethodNotAllowed:
			return self._router_error(request, 405)
		except HTTPException:
			return self._router_error(request, 404)
		with self.core.lock:
			self._before()
			try:
				return function(request, **args)
			except Exception:
				# a slip of the simulator must look like one in the log, and like the provider's own 500 to the client
				_log.exception("%s %s failed in the sandbox", request.method, request.path)
				return self._router_error(request, 500)
			finally:
				self.core.store.flush()
