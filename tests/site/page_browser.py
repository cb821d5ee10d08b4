"""A browser on the consent pages, inside this process: cookies, forms and redirects as a real one has them."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import frappe
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

ORIGIN = "https://gateway.example"


class Form(HTMLParser):
	"""The forms of a page: where they go, what they carry."""

	def __init__(self, html: str):
		super().__init__()
		self.forms: list[dict[str, Any]] = []
		self.feed(html)

	def handle_starttag(self, tag: str, attrs: Any) -> None:
		values = dict(attrs)
		if tag == "form":
			self.forms.append(
				{"action": values["action"], "method": values["method"], "fields": [], "names": []}
			)
		elif tag == "input" and self.forms:
			self.forms[-1]["names"].append(values["name"])
			if values.get("type") != "checkbox" or "checked" in values:
				self.forms[-1]["fields"].append((values["name"], values.get("value", "")))


class Browser:
	"""Visits the pages; `answer` is the last one."""

	def __init__(self, language: str = "en", **headers: str):
		self.headers = {"Accept-Language": language, "User-Agent": "Test"} | headers
		self.cookies: dict[str, str] = {}
		self.answer: Response | None = None
		self.address = ORIGIN

	@property
	def text(self) -> str:
		"""The last page without its tags."""
		body = re.sub(r"<(style|title)>.*?</\1>", "", self.html, flags=re.DOTALL)
		return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

	@property
	def html(self) -> str:
		return self.answer.get_data(as_text=True)

	@property
	def status(self) -> int:
		return self.answer.status_code

	def get(self, address: str, follow: bool = True) -> Response:
		return self._request(address, "GET", None, follow)

	def post(self, address: str, fields: Any, follow: bool = True, **headers: str) -> Response:
		return self._request(address, "POST", fields, follow, headers)

	def submit(self, follow: bool = True, **entered: Any) -> Response:
		"""Send the page's main form with what it carries and what is entered."""
		form = Form(self.html).forms[0]
		fields = [pair for pair in form["fields"] if pair[0] not in entered]
		for name, value in entered.items():
			assert name in form["names"], f"the page has no field {name}"
			fields += [(name, one) for one in (value if isinstance(value, list) else [value])]
		return self.post(form["action"], fields, follow)

	def _request(
		self, address: str, method: str, fields: Any, follow: bool, headers: dict[str, str] | None = None
	) -> Response:
		from bank_api.www.bank_api_consents import ConsentsPage

		self.address = urljoin(self.address, address)
		parts = urlsplit(self.address)
		data: dict[str, list[str]] = {}
		for name, value in fields or []:
			data.setdefault(name, []).append(value)
		builder = EnvironBuilder(
			path=parts.path,
			query_string=parts.query,
			method=method,
			base_url=ORIGIN,
			data=data if method == "POST" else None,
			headers=self.headers | (headers or {}),
		)
		if self.cookies:
			builder.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
		before = frappe.session.user
		frappe.db.commit()
		frappe.local.request, frappe.local.request_ip = Request(builder.get_environ()), "198.51.100.7"
		frappe.set_user("Guest")
		try:
			page = ConsentsPage(parts.path)
			assert page.can_render()
			self.answer = page.render()
		finally:
			frappe.local.request = None
			frappe.set_user(before)
			frappe.db.rollback()  # as the framework does after a GET
		assert self.status != 500, frappe.get_last_doc("Error Log").error
		self._keep_cookies()
		if follow and self.status in (302, 303):
			return self.get(self.answer.headers["Location"])
		return self.answer

	def _keep_cookies(self) -> None:
		for line in self.answer.headers.getlist("Set-Cookie"):
			name, _sign, value = line.split(";")[0].partition("=")
			if value and "Max-Age=0" not in line:
				self.cookies[name] = value
			else:
				self.cookies.pop(name, None)
