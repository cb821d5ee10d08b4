"""The gateway's administrator, over HTTP as the desk does it: log in, fill in the forms, press the buttons."""

from dataclasses import dataclass, field
from typing import Any

import requests

from dev.errors import DevError

TIMEOUT = (5, 60)


@dataclass
class Admin:
	"""A logged-in administrator.

	Attributes:
		url: address of the gateway, without a trailing slash.
		password: Administrator's password.
	"""

	url: str
	password: str = "admin"
	session: requests.Session = field(default_factory=requests.Session)

	def log_in(self) -> "Admin":
		"""Log in; the session keeps the cookie."""
		self._call("POST", "/api/method/login", {"usr": "Administrator", "pwd": self.password})
		return self

	def insert(self, doctype: str, **values: Any) -> dict[str, Any]:
		"""Save a new form; an existing one of the same name is updated."""
		return self._call("POST", f"/api/resource/{doctype}", values)["data"]

	def update(self, doctype: str, name: str, **values: Any) -> dict[str, Any]:
		"""Save changes to a form."""
		return self._call("PUT", f"/api/resource/{doctype}/{name}", values)["data"]

	def rows(self, doctype: str, filters: dict[str, Any], fields: list[str]) -> list[dict[str, Any]]:
		"""A list view's rows, newest first."""
		import json

		query = {"filters": json.dumps(filters), "fields": json.dumps(fields), "order_by": "creation desc"}
		return self._call("GET", f"/api/resource/{doctype}", None, query)["data"]

	def press(self, doctype: str, name: str, method: str, **values: Any) -> Any:
		"""Press a form's button."""
		body = {"dt": doctype, "dn": name, "method": method, "args": values or None}
		return self._call("POST", "/api/method/run_doc_method", body).get("message")

	def _call(self, verb: str, path: str, body: Any, query: dict[str, str] | None = None) -> dict[str, Any]:
		answer = self.session.request(verb, self.url + path, json=body, params=query, timeout=TIMEOUT)
		if not answer.ok:
			raise DevError(f"{verb} {path} answered {answer.status_code}: {answer.text[:500]}")
		return answer.json()
