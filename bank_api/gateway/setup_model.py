"""What the guided set-up of a provider is made of: steps that say how they stand, and what can be done about them.

A step is judged by what is stored here, without asking the provider: the page opens at once, and opens also when the
provider is down. Whatever a step changes elsewhere is written down and committed before the next thing is done, so
that a set-up can be left at any point and taken up again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Protocol

import frappe
from frappe.model.document import Document

from bank_api.connectors.base import RegistrationConnector, SetupConnector
from bank_api.connectors.model import Secret
from bank_api.gateway import providers

PROVIDER = "Bank API Provider"


class State(str, Enum):
	"""How a step stands."""

	DONE = "done"
	NEXT = "next"  # it can be done now
	WAITING = "waiting"  # somebody else has to act
	BLOCKED = "blocked"  # another step has to be done first


@dataclass(frozen=True, slots=True)
class Field:
	"""A field of a step's form, in the desk's own words.

	Attributes:
		fieldname, label, fieldtype, description: as of a DocField; `File` is a file that is read in the browser.
		options: of a Select, a list of `(value, label)` of a MultiCheck, a DocType of a Link.
		default: what is filled in.
		required: whether it may be empty.
		fields: the columns of a Table.
		filters: of a Link.
	"""

	fieldname: str
	label: str
	fieldtype: str = "Data"
	description: str = ""
	options: Any = None
	default: Any = None
	required: bool = False
	fields: tuple["Field", ...] = ()
	filters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Action:
	"""A button of a step, with the form that is filled in before it is pressed.

	Attributes:
		key: names it.
		label: on the button.
		fields: the form, if there is one.
		primary: whether it is what usually comes next.
		confirm: what is asked before.
	"""

	key: str
	label: str
	fields: tuple[Field, ...] = ()
	primary: bool = True
	confirm: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
	"""Something that a step shows: a text to copy, or to save as a file (`filename`)."""

	label: str
	value: str
	filename: str = ""


@dataclass(frozen=True, slots=True)
class Record:
	"""A record that a step leads to."""

	doctype: str
	name: str
	label: str


@dataclass(frozen=True, slots=True)
class Shown:
	"""How a step stands by itself, whatever the steps before it.

	Attributes:
		title: one line.
		help: what it is about and why, for somebody who does it for the first time.
		done: nothing is to be done.
		waiting: somebody else has to act.
		soon: what is waited for comes within a minute or two, so that looking again is worthwhile.
		reason: why it is not done, or what is worth knowing of it.
		facts: what it shows.
		actions: what can be done.
		records: records that it leads to.
	"""

	title: str
	help: str
	done: bool
	waiting: bool = False
	soon: bool = False
	reason: str = ""
	facts: tuple[Fact, ...] = ()
	actions: tuple[Action, ...] = ()
	records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Once:
	"""An address that an action has made: the page shows it this once, and nothing keeps it.

	Attributes:
		title: of what is shown.
		text: what to do with it.
		label: on the link.
		url: the address; it may carry a key.
	"""

	title: str
	text: str
	label: str
	url: Secret


@dataclass(frozen=True, slots=True)
class Step:
	"""A step as the page shows it.

	Attributes:
		key: names it.
		group: what it belongs to.
		optional: end users can be sent to the provider without it.
		ready: whether what an end user's visit needs of it is there.
		state: see `State`.
		shown: its texts and actions.
	"""

	key: str
	group: str
	optional: bool
	ready: bool
	state: State
	shown: Shown


class Values:
	"""What was filled into a step's form. It shows itself nowhere: it may hold an API key."""

	__slots__ = ("_values",)

	def __init__(self, values: Mapping[str, Any]):
		self._values = values

	def text(self, name: str) -> str:
		"""A text without blanks around it; empty if it is none."""
		value = self._values.get(name)
		return value.strip() if isinstance(value, str) else ""

	def secret(self, name: str) -> Secret:
		"""A text that is not to be shown."""
		return Secret(self.text(name))

	def lines(self, name: str) -> list[str]:
		"""The lines of a text."""
		return [line.strip() for line in self.text(name).splitlines() if line.strip()]

	def texts(self, name: str) -> list[str]:
		"""The texts of a list."""
		value = self._values.get(name)
		return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

	def rows(self, name: str) -> list[dict[str, Any]]:
		"""The rows of a table."""
		value = self._values.get(name)
		return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

	def __repr__(self) -> str:
		return "Values(***)"


class Scene:
	"""A provider while it is being set up.

	Attributes:
		doc: its record.
	"""

	def __init__(self, provider: str):
		self.doc: Document = frappe.get_doc(PROVIDER, provider)

	@property
	def name(self) -> str:
		return self.doc.name

	@property
	def connector(self) -> SetupConnector:
		"""What speaks to the provider; every call of it is over the network."""
		return providers.connector(self.name)  # type: ignore[return-value]

	@property
	def registrar(self) -> RegistrationConnector:
		"""The same, where the bank registers applications."""
		return providers.connector(self.name)  # type: ignore[return-value]

	def check(self) -> None:
		"""A harmless call with all that has been set up; a `ProviderError` if it fails."""
		providers.connector(self.name).check()

	@property
	def environment(self) -> str:
		return self.doc.environment

	def secret(self, fieldname: str) -> Secret:
		"""A Password field of the provider."""
		return Secret(self.doc.get_password(fieldname, raise_exception=False) or "")

	def kept(self, key: str) -> str:
		"""What a step has written down with `store(kept=…)`."""
		return _read_kept(self.doc).get(key, "")

	def store(self, kept: Mapping[str, str] | None = None, **values: Any) -> None:
		"""Write fields of the provider, and what steps want to remember, and commit.

		Args:
			kept: what to remember, by key; an empty text forgets.
			values: fields of the provider; a table is a list of rows.
		"""
		doc = frappe.get_doc(PROVIDER, self.name, for_update=True)
		keep(doc, kept or {})
		for fieldname, value in values.items():
			doc.set(fieldname, value)
		doc.save()
		frappe.db.commit()
		self.doc = frappe.get_doc(PROVIDER, self.name)


def keep(doc: Document, kept: Mapping[str, str]) -> None:
	"""Let a provider's record, which the caller saves, remember what a step wants to; an empty text forgets."""
	if kept:
		known = _read_kept(doc) | kept
		doc.setup_state = json.dumps({key: known[key] for key in sorted(known) if known[key]})


def _read_kept(doc: Document) -> dict[str, str]:
	try:
		kept = json.loads(doc.setup_state or "{}")
	except ValueError:
		return {}
	return kept if isinstance(kept, dict) else {}


def digest(*parts: Any) -> str:
	"""A short mark of values, by which a later change of them is noticed."""
	return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class StepKind(Protocol):
	"""A kind of step.

	Attributes:
		key: names it among the steps of a provider.
		after: keys of the steps that have to be done before.
		optional: end users can be sent to the provider without it.
	"""

	key: str
	after: tuple[str, ...]
	optional: bool

	def show(self, scene: Scene) -> Shown:
		"""How it stands. Asks nobody but the database."""

	def ready(self, doc: Document) -> bool:
		"""Whether what an end user's visit needs of it is there, though it may have to be done anew."""

	def serves(self, doc: Document) -> bool:
		"""Whether what calls under a consent that exists need of it is there."""

	def settle(self, scene: Scene) -> None:
		"""Take up what has happened meanwhile elsewhere."""

	def run(self, scene: Scene, action: str, values: Values) -> Once | None:
		"""Do it; returns what is to be shown once, if there is such a thing.

		Raises:
			BadArgument: a field is not filled in as it has to be; the sentence says which.
			ProviderError: the provider does not play along.
		"""


class BaseStep:
	"""What most kinds have in common."""

	key = ""
	after: tuple[str, ...] = ()
	optional = False

	def ready(self, doc: Document) -> bool:
		"""Most steps are only a way to those that are needed."""
		return True

	def serves(self, doc: Document) -> bool:
		"""Mostly the same."""
		return self.ready(doc)

	def settle(self, scene: Scene) -> None:
		"""Most steps wait for nothing that comes in by itself."""
