"""A certificate ends and another takes its place, without a pause: prepared beside it, switched to, switched back.

A switch is one transaction: the providers' links and the states of both records change together. Workers build a
connector anew when a record has changed, so each call uses the old key pair or the new one, never none.
"""

from dataclasses import dataclass

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.gateway import certificates
from bank_api.gateway.certificate_profiles import SUBJECT_FIELDS
from bank_api.gateway.certificates import (
	ACTIVE,
	DOCTYPE,
	EXPIRED,
	IN_PREPARATION,
	PREPARED,
	PROVIDER,
	PROVIDER_FIELD,
	RETIRED,
)
from bank_api.gateway.clock import site_now
from bank_api.gateway.errors import BadArgument


@dataclass(frozen=True, slots=True)
class Surroundings:
	"""What a form shows beside a certificate.

	Attributes:
		providers: names of the providers that use it.
		successor: the certificate that is to follow it or has followed it, if there is one.
		successor_status: its status.
		can_go_back: whether the certificate before it could take its place again.
	"""

	providers: tuple[str, ...] = ()
	successor: str = ""
	successor_status: str = ""
	can_go_back: bool = False


def surroundings(name: str) -> Surroundings:
	"""What a form shows beside a certificate."""
	row = frappe.db.get_value(DOCTYPE, name, ["name", "usage", "status", "successor_of"], as_dict=True)
	successor = frappe.db.get_value(
		DOCTYPE, {"successor_of": name}, ["name", "status"], as_dict=True, order_by="creation desc"
	)
	return Surroundings(
		providers=tuple(_providers_of(row.name, row.usage)),
		successor=successor.name if successor else "",
		successor_status=successor.status if successor else "",
		can_go_back=row.status == ACTIVE and bool(row.successor_of) and _can_return(row.successor_of),
	)


def _can_return(name: str) -> bool:
	before = frappe.db.get_value(DOCTYPE, name, ["status", "valid_to"], as_dict=True)
	return bool(before) and before.status == RETIRED and before.valid_to > site_now()


def prepare(name: str, title: str) -> str:
	"""Make an empty successor of a certificate, with the same holder, to be filled as any certificate.

	Args:
		name: the certificate in use.
		title: name of the new record.

	Returns:
		name of the successor.

	Raises:
		BadArgument: the certificate is not in use, or a successor is being prepared already.
	"""
	doc = certificates.locked(name)
	if doc.status not in (ACTIVE, EXPIRED):
		raise BadArgument(_("Only a certificate that is in use, or has ended, gets a successor."))
	if other := frappe.db.get_value(DOCTYPE, {"successor_of": name, "status": ("in", IN_PREPARATION)}):
		raise BadArgument(_("A successor is being prepared already: {0}").format(other))
	if frappe.db.exists(DOCTYPE, title.strip()):
		raise BadArgument(_("There is a certificate of this title already."))
	successor = frappe.new_doc(DOCTYPE)
	successor.update({field: doc.get(field) for field in (*SUBJECT_FIELDS, "key_type", "roots")})
	successor.update(
		{
			"title": title.strip(),
			"profile": doc.profile,
			"usage": doc.usage,
			"environment": doc.environment,
		}
	)
	successor.successor_of = name
	successor.flags.by_gateway = True
	successor.insert()
	certificates.note("Certificate Successor Prepared", successor)
	return successor.name


def switch(name: str) -> list[str]:
	"""Put a prepared successor in the place of the certificate before it.

	Args:
		name: the successor.

	Returns:
		names of the providers that use it from now on.

	Raises:
		BadArgument: it is not prepared, or what is checked at an upload no longer holds.
	"""
	new = certificates.locked(name)
	if new.status != PREPARED or not new.successor_of:
		raise BadArgument(_("Only a prepared successor can be switched to."))
	if new.valid_from > site_now():
		raise BadArgument(_("This certificate is not valid yet. Switch to it once its time has come."))
	reasons = [certificates.in_words(f) for f in certificates.check_stored(name) if f.fatal]
	if reasons:
		raise BadArgument(_("The certificate cannot be used: {0}").format(" ".join(reasons)))
	old = certificates.locked(new.successor_of)
	moved = _move(old, new)
	certificates.write(old, status=RETIRED)
	certificates.write(new, status=ACTIVE)
	certificates.note("Certificate Switched", new, count=len(moved))
	return moved


def switch_back(name: str) -> list[str]:
	"""Put the certificate before in its place again; the successor stays prepared.

	Args:
		name: the successor, which is in use.

	Returns:
		names of the providers that use the certificate before from now on.

	Raises:
		BadArgument: there is none before it, or it has ended.
	"""
	new = certificates.locked(name)
	if new.status != ACTIVE or not new.successor_of:
		raise BadArgument(_("This certificate has followed no other one."))
	old = certificates.locked(new.successor_of)
	if not _can_return(old.name):
		raise BadArgument(_("{0} has ended or is no longer kept for a way back.").format(old.name))
	moved = _move(new, old)
	certificates.write(new, status=PREPARED)
	certificates.write(old, status=ACTIVE)
	certificates.note("Certificate Switched Back", new, count=len(moved))
	return moved


def _move(before: Document, after: Document) -> list[str]:
	"""Let every provider of one certificate use another one."""
	moved = _providers_of(before.name, before.usage)
	for provider in moved:
		# Not provider.save(): nothing else of it is to be judged again. `modified` is what workers look at.
		frappe.db.set_value(PROVIDER, provider, PROVIDER_FIELD[before.usage], after.name)
		frappe.clear_document_cache(PROVIDER, provider)
	return moved


def _providers_of(name: str, usage: str) -> list[str]:
	return frappe.get_all(PROVIDER, {PROVIDER_FIELD[usage]: name}, pluck="name", order_by="name asc")
