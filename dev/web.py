"""Talking to the gateway over HTTP with nothing but the standard library: as its administrator, and as a client site."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any

from dev.errors import DevError

TIMEOUT = 60


@dataclass
class Answer:
	"""An HTTP answer: its status, its headers, its body as text, and how long it took in seconds."""

	status: int
	headers: dict[str, str]
	text: str
	seconds: float

	def json(self) -> Any:
		"""The body, parsed."""
		return json.loads(self.text)


class Caller:
	"""Calls one server, keeping cookies; no proxy stands between us and our own servers.

	Args:
		url: address of the server, without a trailing slash.
		headers: sent with every call.
	"""

	def __init__(self, url: str, headers: dict[str, str] | None = None):
		self.url = url
		self.headers = headers or {}
		self._opener = urllib.request.build_opener(
			urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
		)

	def call(self, verb: str, path: str, body: Any = None, query: dict[str, Any] | None = None) -> Answer:
		"""Send a request; an error status is an answer like any other."""
		address = self.url + urllib.parse.quote(path, safe="/?=&%")
		if query:
			address += "?" + urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})
		data = None if body is None else json.dumps(body).encode()
		headers = {**self.headers, "Accept": "application/json"}
		if data is not None:
			headers["Content-Type"] = "application/json"
		request = urllib.request.Request(address, data, headers, method=verb)
		began = time.monotonic()
		try:
			with self._opener.open(request, timeout=TIMEOUT) as answer:
				return Answer(
					answer.status, dict(answer.headers), answer.read().decode(), time.monotonic() - began
				)
		except urllib.error.HTTPError as error:
			with error:
				return Answer(
					error.code, dict(error.headers), error.read().decode(), time.monotonic() - began
				)
		except OSError as error:
			raise DevError(f"{verb} {address}: {error}") from error


@dataclass
class Admin:
	"""The gateway's administrator, as the desk does it: log in, fill in forms, press their buttons."""

	url: str
	password: str = "admin"
	caller: Caller = field(init=False)

	def __post_init__(self) -> None:
		self.caller = Caller(self.url)
		self._do("POST", "/api/method/login", {"usr": "Administrator", "pwd": self.password})

	def insert(self, doctype: str, **values: Any) -> dict[str, Any]:
		"""Save a new form."""
		return self._do("POST", f"/api/resource/{doctype}", values)["data"]

	def update(self, doctype: str, name: str, **values: Any) -> dict[str, Any]:
		"""Save changes to a form."""
		return self._do("PUT", f"/api/resource/{doctype}/{name}", values)["data"]

	def rows(self, doctype: str, filters: dict[str, Any], fields: list[str]) -> list[dict[str, Any]]:
		"""Rows of a list, newest first."""
		query = {"filters": json.dumps(filters), "fields": json.dumps(fields), "order_by": "creation desc"}
		return self._do("GET", f"/api/resource/{doctype}", None, query)["data"]

	def press(self, doctype: str, name: str, method: str, **values: Any) -> Any:
		"""Press a form's button."""
		body = {"dt": doctype, "dn": name, "method": method, "args": json.dumps(values) if values else None}
		return self._do("POST", "/api/method/run_doc_method", body).get("message")

	def _do(self, verb: str, path: str, body: Any, query: dict[str, Any] | None = None) -> dict[str, Any]:
		answer = self.caller.call(verb, path, body, query)
		if answer.status >= 400:
			raise DevError(f"{verb} {path} answered {answer.status}: {answer.text[:600]}")
		return answer.json()


@dataclass
class ClientSite:
	"""A remote site with its key pair; `call` is one method of the gateway's API, of the `module` of a provider."""

	url: str
	api_key: str
	api_secret: str
	calls: int = 0
	module: str = "bridge"

	def __post_init__(self) -> None:
		self.caller = Caller(self.url, {"Authorization": f"token {self.api_key}:{self.api_secret}"})

	def answer(self, method: str, **arguments: Any) -> Answer:
		"""Call a method and take its answer, whatever its status."""
		self.calls += 1
		return self.caller.call("POST", f"/api/method/bank_api.{self.module}.{method}", arguments)

	def call(self, method: str, **arguments: Any) -> Any:
		"""Call a method that has to succeed; its message.

		Raises:
			DevError: it answered an error.
		"""
		answer = self.answer(method, **arguments)
		if answer.status != 200:
			raise DevError(f"{method} answered {answer.status}: {answer.text[:600]}")
		return answer.json()["message"]
