"""The end user's pages as a program reads them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


class SandboxError(Exception):
	"""A control call that failed, or a page that was not expected."""


@dataclass
class _Form:
	method: str = "get"
	action: str = ""
	fields: list[tuple[str, str]] = field(default_factory=list)
	buttons: list[tuple[str, str]] = field(default_factory=list)
	boxes: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
	"""One of the end user's pages: its step and its forms."""

	def __init__(self, text: str) -> None:
		super().__init__()
		self.step = ""
		self.forms: list[_Form] = []
		self.text = text
		self.feed(text)

	def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
		"""Collect forms and their controls."""
		found = {name: value or "" for name, value in attrs}
		if tag == "body":
			self.step = found.get("data-step", "")
		elif tag == "form":
			self.forms.append(_Form(found.get("method", "get").lower(), found.get("action", "")))
		elif self.forms and tag == "button" and found.get("name"):
			self.forms[-1].buttons.append((found["name"], found.get("value", "")))
		elif self.forms and tag == "input" and found.get("type") == "checkbox":
			self.forms[-1].boxes.append((found["name"], found.get("value", "on")))
		elif self.forms and tag == "input" and found.get("name"):
			self.forms[-1].fields.append((found["name"], found.get("value", "")))


def excerpt(text: str, length: int = 300) -> str:
	"""Return the beginning of a text, for messages."""
	return text[:length]
