"""XML read without what makes XML dangerous: no document type, so no entities and nothing fetched; bounded depth.

Every element knows its line and position. Elements of which there may be a hundred thousand are made into something
small as soon as they end.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn
from xml.parsers import expat

from bank_api.payments.formats.base import Faults

_DEEPEST = 32
_ENCODINGS = ("utf-8", "us-ascii")


class Element:
	"""An element; `take` its children, then `done` refuses what was not understood.

	Attributes:
		tag: its name.
		space: its namespace.
		attributes: by name.
		text: without white space around it.
		value: what its `collapse` function made of it.
		line: counted from 1.
		position: counted from 1.
	"""

	__slots__ = (
		"_faults",
		"_parts",
		"attributes",
		"children",
		"line",
		"position",
		"space",
		"tag",
		"text",
		"value",
	)

	def __init__(self, faults: Faults, name: str, attributes: dict[str, str], line: int, position: int):
		self._faults = faults
		self.space, _, self.tag = name.rpartition(" ")
		self.attributes = attributes
		self.line = line
		self.position = position
		self.children: list[Element] = []
		self.text = ""
		self.value: Any = None
		self._parts: list[str] = []

	def feed(self, text: str) -> None:
		"""More of its text."""
		self._parts.append(text)

	def end(self) -> None:
		"""Its text is whole.

		Raises:
			UnreadableFile: text stands beside elements.
		"""
		self.text = "".join(self._parts).strip(" \t\r\n")
		self._parts = []
		if self.text and self.children:
			self.stop("file_unsupported", what="text between elements")

	def take(self, tag: str) -> "Element | None":
		"""The child of this name; None if there is none.

		Raises:
			UnreadableFile: there are several.
		"""
		found = self.take_all(tag)
		if len(found) > 1:
			found[1].stop("file_repeated")
		return found[0] if found else None

	def take_all(self, tag: str) -> "list[Element]":
		"""The children of this name."""
		found = [child for child in self.children if child.tag == tag]
		if found:
			self.children = [child for child in self.children if child.tag != tag]
		return found

	def need(self, tag: str) -> "Element":
		"""The child of this name.

		Raises:
			UnreadableFile: there is none, or several.
		"""
		child = self.take(tag)
		if child is None:
			self.stop("file_missing", expected=tag)
		return child

	def leaf(self, tag: str) -> str:
		"""The text of a child without children; empty if there is no such child."""
		child = self.take(tag)
		return child.own_text() if child else ""

	def need_leaf(self, tag: str) -> str:
		"""The text of a child without children.

		Raises:
			UnreadableFile: there is none, or several.
		"""
		return self.need(tag).own_text()

	def own_text(self) -> str:
		"""The text of an element that has nothing else.

		Raises:
			UnreadableFile: it is empty, or has children or attributes.
		"""
		self._nothing_left()
		if not self.text:
			self.stop("file_field", expected="text that is not empty")
		return self.text

	def fixed(self, tag: str, *values: str) -> str:
		"""The text of a child that can only be one of these; empty if there is no such child.

		Raises:
			UnreadableFile: it is another.
		"""
		child = self.take(tag)
		if child is None:
			return ""
		text = child.own_text()
		if text not in values:
			child.stop("file_unsupported", what=f"{tag} {text}")
		return text

	def done(self) -> None:
		"""Refuse what was not taken, of an element that holds elements.

		Raises:
			UnreadableFile: something was left, or it holds text.
		"""
		self._nothing_left()
		if self.text:
			self.stop("file_unsupported", what="text where elements belong")

	def _nothing_left(self) -> None:
		for child in self.children:
			child.stop("file_unsupported", what=f"the element {child.tag}")
		for name in self.attributes:
			self.stop("file_unsupported", what=f"the attribute {name.rpartition(' ')[2]}")

	def stop(self, code: str, **values: Any) -> NoReturn:
		"""Refuse the file because of this element.

		Raises:
			UnreadableFile: always.
		"""
		self._faults.stop(code, self.tag, self.line, self.position, **values)

	def fault(self, code: str, **values: Any) -> None:
		"""Note a fault of this element; reading goes on."""
		self._faults.add(code, self.tag, self.line, self.position, **values)


class _Builder:
	"""Makes elements of what the parser tells."""

	def __init__(
		self, faults: Faults, spaces: Collection[str], collapse: Mapping[str, Callable[[Element], Any]]
	):
		self._faults = faults
		self._collapse = collapse
		self._stack: list[Element] = []
		self._allowed = spaces
		self.root: Element | None = None
		self.parser = expat.ParserCreate(namespace_separator=" ")
		self.parser.buffer_text = True
		self.parser.StartElementHandler = self._start
		self.parser.EndElementHandler = self._end
		self.parser.CharacterDataHandler = self._text
		self.parser.StartDoctypeDeclHandler = self._doctype
		self.parser.ProcessingInstructionHandler = self._instruction
		self.parser.XmlDeclHandler = self._declaration

	def _here(self) -> tuple[int, int]:
		return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1

	def _start(self, name: str, attributes: dict[str, str]) -> None:
		element = Element(self._faults, name, attributes, *self._here())
		if not self._stack:
			if element.space not in self._allowed:
				element.stop("file_format", format="pain.001")
			self.root = element
		else:
			if element.space != self._stack[0].space:
				element.stop("file_unsupported", what="an element of another namespace")
			self._stack[-1].children.append(element)
		if len(self._stack) >= _DEEPEST:
			element.stop("file_unsupported", what="elements nested too deeply")
		self._stack.append(element)

	def _end(self, _: str) -> None:
		element = self._stack.pop()
		element.end()
		if collapse := self._collapse.get(element.tag):
			element.value = collapse(element)
			element.children = []

	def _text(self, text: str) -> None:
		self._stack[-1].feed(text)

	def _doctype(self, *_: Any) -> None:
		line, position = self._here()
		self._faults.stop("file_doctype", "", line, position)

	def _instruction(self, *_: Any) -> None:
		line, position = self._here()
		self._faults.stop("file_unsupported", "", line, position, what="a processing instruction")

	def _declaration(self, _: str, encoding: str | None, __: int) -> None:
		if encoding is not None and encoding.lower() not in _ENCODINGS:
			self._faults.stop("file_encoding", "", 1, 1, encoding="UTF-8")


def parse(
	content: bytes, faults: Faults, spaces: Collection[str], collapse: Mapping[str, Callable[[Element], Any]]
) -> Element:
	"""The root element of a document.

	Args:
		content: the document.
		faults: where faults go.
		spaces: the namespaces that the document may have; all its elements share one.
		collapse: for elements of these names, what is kept of them in their `value`.

	Raises:
		UnreadableFile: it is not well-formed, or uses what is not read.
	"""
	builder = _Builder(faults, spaces, collapse)
	try:
		builder.parser.Parse(content, True)
	except expat.ExpatError as error:
		reason = expat.errors.messages.get(error.code, "it cannot be read")
		faults.stop("file_xml", "", error.lineno, error.offset + 1, reason=reason)
	except (LookupError, ValueError) as error:
		# A declared encoding that Python does not know; our own errors pass through.
		if isinstance(error, UnicodeError | LookupError):
			faults.stop("file_encoding", "", 1, 1, encoding="UTF-8")
		raise
	assert builder.root is not None
	return builder.root
