"""Set-up step: the software statement, by which a bank says that it knows the program (kb_batch.md, 2.3). It lasts a year."""

import uuid
from datetime import timedelta
from typing import Any

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api import __version__
from bank_api.connectors.onboarding import Software
from bank_api.gateway import trip
from bank_api.gateway.certificate_expiry import NOTICE_DAYS
from bank_api.gateway.clock import site_now, to_site
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.setup_directory import return_address
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Scene, Shown, Values, digest

BACK_PATH = "/bank-api/registered"
MOST_CONTACTS = 2
SHORTEST_NAME, LONGEST_NAME = 5, 50
DEFAULT_NAME = "Bank API"


def back_address() -> str:
	"""Where the bank sends a browser with the answer to a registration; empty until the public URL is set."""
	url = return_address()
	return url.removesuffix(trip.RETURN_PATH) + BACK_PATH if url else ""


class Statement(BaseStep):
	"""Asked for with our commercial certificate; renewed before it ends."""

	key = "statement"
	after = ("address", "keys", "certificate", "contacts")

	def show(self, scene: Scene) -> Shown:
		doc = scene.doc
		got = bool(doc.software_statement)
		wrong = _wrong(scene) if got else ""
		done = got and not wrong
		return Shown(
			title=_("Introduce the application (software statement)"),
			help=_(
				"The gateway introduces itself to the bank with the company's certificate and gets a signed statement. It lasts 12 "
				"months; managers are told 60, 30, 7 and 1 days before it ends, and renewing it is one press of a button."
			),
			done=done,
			reason=wrong or _remark(doc),
			facts=_facts(doc) if got else (),
			actions=(
				Action(
					"request",
					_("Renew") if got else _("Ask for the Statement"),
					_fields(doc),
					primary=not done,
				),
			),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		name, name_en = values.text("software_name"), values.text("software_name_en")
		for text in filter(None, (name, name_en)):
			if not SHORTEST_NAME <= len(text) <= LONGEST_NAME:
				raise BadArgument(_("The name of the application has 5 to 50 characters."))
		if not name:
			raise BadArgument(_("Fill in first: {0}").format(_("Name of the Application")))
		# Stored before the bank is asked: it knows the program by this id, whatever becomes of the answer.
		scene.store(
			software_name=name,
			software_name_en=name_en,
			software_id=scene.doc.software_id or uuid.uuid4().hex,
		)
		made = scene.registrar.software_statement(software_of(scene.doc))
		scene.store(
			kept={"statement": mark(scene.doc)},
			software_statement=made.text,
			statement_expires_at=to_site(made.expires_at) if made.expires_at else None,
			statement_vendor=" ".join(filter(None, (made.vendor, made.vendor_number)))[:140],
			statement_notice=0,
		)


def software_of(doc: Document) -> Software:
	"""The program as a provider's record describes it."""
	return Software(
		name=doc.software_name or "",
		name_en=doc.software_name_en or "",
		software_id=doc.software_id or "",
		version=__version__,
		redirect_uris=(return_address(),),
		back_uri=back_address(),
		contacts=tuple(dict.fromkeys(row.email for row in doc.contacts[:MOST_CONTACTS])),
	)


def mark(doc: Document) -> str:
	"""Of what the bank was told that a registration depends on."""
	return digest(return_address(), back_address(), doc.software_name or "")


def ended(doc: Document) -> bool:
	"""Whether the statement can no longer be used."""
	return (
		bool(doc.statement_expires_at) and frappe.utils.get_datetime(doc.statement_expires_at) <= site_now()
	)


def _wrong(scene: Scene) -> str:
	if ended(scene.doc):
		return _("It has ended: the bank registers no application with it. Renew it.")
	if scene.kept("statement") != mark(scene.doc):
		return _("The address of this gateway, or the name, has been changed since: ask for a new one.")
	return ""


def _remark(doc: Document) -> str:
	until = frappe.utils.get_datetime(doc.statement_expires_at) if doc.statement_expires_at else None
	if until is None or until - site_now() > timedelta(days=max(NOTICE_DAYS)):
		return ""
	return _("It ends soon. Renew it: what is registered stays as it is.")


def _facts(doc: Document) -> tuple[Fact, ...]:
	facts: list[Any] = [Fact(_("Name of the Application"), doc.software_name or "")]
	if doc.statement_expires_at:
		facts.append(Fact(_("Valid to"), frappe.utils.format_datetime(doc.statement_expires_at)))
	if doc.statement_vendor:
		facts.append(Fact(_("Whom the bank takes us for"), doc.statement_vendor))
	return tuple(facts)


def _fields(doc: Document) -> tuple[Field, ...]:
	return (
		Field(
			"software_name",
			_("Name of the Application"),
			description=_("As clients see it on the bank's pages; 5 to 50 characters."),
			default=doc.software_name or DEFAULT_NAME,
			required=True,
		),
		Field("software_name_en", _("Name in English"), default=doc.software_name_en or ""),
	)
