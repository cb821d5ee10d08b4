"""The gateway's own certificates: made, uploaded, checked, replaced by a successor and back.

A private key is made here (or comes with a PKCS#12 file), is stored encrypted with the site's encryption key, and
leaves only as a `KeyPair` for a connector: no form, list, report, export, log or error holds it. Who calls these
functions has checked that the user may write the record (the DocType's controller does).
"""

import base64
from typing import Any

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils.password import get_decrypted_password, set_encrypted_password

from bank_api.connectors.model import KeyPair, Secret
from bank_api.crypto.certificates import Bundle, Certificate, Finding, Usage, read_bundle
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey, parsed
from bank_api.gateway import audit, certificate_profiles
from bank_api.gateway.certificate_words import words
from bank_api.gateway.clock import to_site
from bank_api.gateway.errors import BadArgument, NotConfigured

DOCTYPE = "Bank API Certificate"
PROVIDER = "Bank API Provider"
KEY_FIELD = "private_key"
STARS = "*" * 16

DRAFT, CSR_READY, PREPARED, ACTIVE, RETIRED, EXPIRED = (
	"Draft",
	"CSR Ready",
	"Prepared",
	"Active",
	"Retired",
	"Expired",
)
IN_PREPARATION = (DRAFT, CSR_READY, PREPARED)
# Which field of a provider names a certificate of which usage.
PROVIDER_FIELD = {Usage.TRANSPORT.value: "transport_certificate", Usage.SIGNING.value: "signing_certificate"}
KEY_TYPES: dict[str, tuple[Any, ...]] = {
	"RSA 2048": ("RSA", 2048),
	"RSA 3072": ("RSA", 3072),
	"RSA 4096": ("RSA", 4096),
	"P-256": ("P-256",),
}
# What only this module writes; the controller keeps everybody else's hands off.
OWN_FIELDS = (
	"status",
	"csr",
	"chain",
	"subject",
	"issuer",
	"serial",
	"granted_roles",
	"granted_authority",
	"valid_from",
	"valid_to",
	"thumbprint",
	"key_fingerprint",
	"successor_of",
	"expiry_notice",
	KEY_FIELD,
)


# --- key and request


def make_request(name: str, *, new_key: bool = False) -> str:
	"""Make the request (CSR) that the authority needs; the key is made first if there is none.

	Args:
		name: the Bank API Certificate; it has no issued certificate yet.
		new_key: make another key even if there is one; an earlier request is then worthless.

	Returns:
		The request in PEM form. It holds no secret.

	Raises:
		BadArgument: a certificate has been issued already, or a field that the request needs is empty.
	"""
	doc = locked(name)
	if doc.chain:
		raise BadArgument(
			_("This certificate has been issued already. Prepare a successor and make the request there.")
		)
	profile = certificate_profiles.of(doc)
	_check_complete(doc, profile)
	key = _stored_key(doc) if doc.key_fingerprint and not new_key else None
	if key is None:
		key = PrivateKey.generate(*KEY_TYPES[doc.key_type])
		_store_key(doc, key)
	try:
		csr = profile.request(key, doc)
	except CertificateError as error:
		raise BadArgument(
			_("The request cannot be made from these fields: {0}").format(error.message)
		) from None
	write(doc, csr=csr, status=CSR_READY)
	note("Certificate Request Made", doc)
	return csr


def _check_complete(doc: Document, profile: certificate_profiles.Profile) -> None:
	missing = [_(doc.meta.get_label(field)) for field in profile.needed(doc) if not doc.get(field)]
	if missing:
		raise BadArgument(_("Fill in first: {0}").format(", ".join(missing)))


# --- upload and check


def upload(name: str, content: Secret, password: Secret | None = None) -> list[Finding]:
	"""Take what the authority has issued, if it fits.

	Args:
		name: the Bank API Certificate.
		content: the file in base64: PEM, DER or PKCS#12; held as a secret because it may hold the key.
		password: of a PKCS#12 file or an encrypted key.

	Returns:
		What was found. If any finding is fatal, nothing has been stored.

	Raises:
		BadArgument: the file cannot be read.
	"""
	doc = locked(name)
	bundle = _bundle(content, password)
	findings = _findings(doc, bundle)
	if any(finding.fatal for finding in findings):
		note("Certificate Uploaded", doc, audit.REFUSED, reason=findings[0].code)
		return findings
	if bundle.key is not None and not doc.key_fingerprint:
		_store_key(doc, bundle.key)
	_store_chain(doc, bundle.chain)
	note("Certificate Uploaded", doc)
	return findings


def check_stored(name: str) -> list[Finding]:
	"""Judge a stored certificate again, as of now.

	Raises:
		BadArgument: no certificate has been uploaded yet.
	"""
	doc = frappe.get_doc(DOCTYPE, name)
	if not doc.chain:
		raise BadArgument(_("Nothing to check yet: upload the issued certificate first."))
	return certificate_profiles.of(doc).findings(
		doc, read_bundle(doc.chain.encode()).chain, doc.key_fingerprint
	)


def in_words(finding: Finding) -> str:
	"""A finding as a translated sentence that says what to do."""
	return words(finding.code, finding.message, finding.values)


def _bundle(content: Secret, password: Secret | None) -> Bundle:
	try:
		return _read(content, password)
	except CertificateError as error:
		message = words(error.code, error.message)
	except ValueError:
		message = _("The file cannot be read as a certificate.")
	except Exception as error:  # a defect: the usual report would show the frames that hold the file
		frappe.log_error("Certificate upload", f"{type(error).__name__} while a file was read")
		message = _("The file cannot be read as a certificate.")
	# Outside of the except block: no traceback leads to the frames that held the file.
	raise BadArgument(message)


def _read(content: Secret, password: Secret | None) -> Bundle:
	return read_bundle(
		base64.b64decode(content.reveal(), validate=True), password.reveal() if password else None
	)


def _findings(doc: Document, bundle: Bundle) -> list[Finding]:
	"""What speaks against storing this bundle in this record; the first fatal finding is the reason."""
	if not bundle.chain:
		return [Finding("no_certificate", "The file holds no certificate.", True)]
	if bundle.key is not None and doc.key_fingerprint and bundle.key.fingerprint != doc.key_fingerprint:
		return [Finding("other_key", "The file holds another private key than this record.", True)]
	if bundle.key is not None and bundle.key.label not in KEY_TYPES:
		return [Finding("key_kind", "A key of this kind cannot be used.", True)]
	fingerprint = doc.key_fingerprint or (bundle.key.fingerprint if bundle.key else "")
	if not fingerprint:
		return [Finding("no_key", "There is no private key for this certificate.", True)]
	if doc.thumbprint and bundle.chain[0].thumbprint != doc.thumbprint:
		return [Finding("other_certificate", "Another certificate has been issued for this record.", True)]
	return certificate_profiles.of(doc).findings(doc, bundle.chain, fingerprint)


def _store_chain(doc: Document, chain: tuple[Certificate, ...]) -> None:
	leaf = chain[0]
	if not doc.csr:
		certificate_profiles.of(doc).fill_in(doc, leaf)  # one that came ready-made says itself who holds it
	values = {
		"chain": "".join(certificate.pem.strip() + "\n" for certificate in chain),
		"subject": leaf.subject,
		"issuer": leaf.issuer,
		"serial": leaf.serial_hex,
		"granted_roles": ", ".join(leaf.roles),
		"granted_authority": " ".join(text for text in (leaf.authority_name, leaf.authority_id) if text),
		"valid_from": to_site(leaf.not_before),
		"valid_to": to_site(leaf.not_after),
		"thumbprint": leaf.thumbprint,
	}
	if doc.status in (DRAFT, CSR_READY):
		values |= {"status": PREPARED if doc.successor_of else ACTIVE, "expiry_notice": 0}
	write(doc, **values)


# --- for connectors


def key_pair(name: str) -> KeyPair:
	"""Chain and private key, for the connection to a provider. The key shows itself in no repr.

	Raises:
		NotConfigured: no such certificate, none issued yet, ended, or its key cannot be decrypted.
	"""
	row = frappe.db.get_value(DOCTYPE, name, ["chain", "status"], as_dict=True)
	if not row or not row.chain or row.status == EXPIRED:
		raise NotConfigured(
			_("A certificate of this provider is missing or has ended. Its operator has to replace it.")
		)
	return KeyPair(chain=row.chain, key=_key(name))


def require_usable(name: str, usage: str, environment: str) -> None:
	"""Whether a provider may name this certificate.

	Raises:
		BadArgument: it is for another usage or environment, or not in force.
	"""
	row = frappe.db.get_value(DOCTYPE, name, ["usage", "environment", "status"], as_dict=True)
	if not row:
		return  # the framework says that the link leads nowhere
	if row.usage != usage:
		raise BadArgument(_("{0} is a certificate for another usage.").format(name))
	if row.environment != environment:
		raise BadArgument(_("{0} belongs to another environment than this provider.").format(name))
	if row.status != ACTIVE:
		raise BadArgument(
			_("{0} is not active. Upload what the authority has issued, or switch to it, first.").format(name)
		)


# --- the record and its key


def locked(name: str) -> Document:
	"""The record, so that two people who press buttons at once come one after the other."""
	return frappe.get_doc(DOCTYPE, name, for_update=True)


def write(doc: Document, **values: Any) -> None:
	"""Save with values that only the gateway may write (`OWN_FIELDS`)."""
	doc.update(values)
	doc.flags.by_gateway = True
	doc.save()


def note(action: str, doc: Document, outcome: str = audit.SUCCESS, **details: Any) -> None:
	"""A line in the audit log."""
	audit.record(action, outcome=outcome, doctype=DOCTYPE, name=doc.name, details=details)


def _store_key(doc: Document, key: PrivateKey) -> None:
	if not _encrypted(doc.name, key):
		raise NotConfigured(_("The private key cannot be stored. Check the encryption key of this site."))
	doc.private_key = STARS
	doc.key_type = key.label
	doc.key_fingerprint = key.fingerprint


def _encrypted(name: str, key: PrivateKey) -> bool:
	"""Store the key. Not through the document: its save would hold the text as a field for a moment."""
	try:
		set_encrypted_password(DOCTYPE, name, key.pem(), KEY_FIELD)
	except Exception as error:  # the usual report would show the frames that hold the text
		frappe.log_error("Certificate key", f"{type(error).__name__} while a key was stored")
		return False
	return True


def _stored_key(doc: Document) -> PrivateKey:
	return parsed(_key(doc.name).reveal())


def _key(name: str) -> Secret:
	try:
		text = get_decrypted_password(DOCTYPE, name, KEY_FIELD, raise_exception=False)
	except frappe.ValidationError:  # the site's encryption key is another one than when it was stored
		text = None
	if not text:
		raise NotConfigured(
			_("The private key of a certificate cannot be read. Its operator has to replace the certificate.")
		)
	return Secret(text)
