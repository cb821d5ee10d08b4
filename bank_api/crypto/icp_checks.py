"""Whether an issued certificate of Open Finance Brasil can be used: for this key, at this level, now, with this chain.

The profiles: quanto_ofb.md, 5.6. A signing certificate (BRSEAL) names the organisation and belongs to it in the Directory;
a transport certificate (BRCAC) names the application and belongs to its software statement (seed 001, step 1.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bank_api.crypto import distinguished_name
from bank_api.crypto.certificate import Certificate, Usage
from bank_api.crypto.checks import Finding, authority_findings, finding, fit_findings
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.icp_brasil import ORGANIZATION_IDENTIFIER, SCHEME, USER_ID

_UNIT = "2.5.4.11"
_COMMON_NAME = "2.5.4.3"
_WEAK_HASHES = ("md5", "sha1", "sha224")

MESSAGES = {
	"icp_rsa": "ICP-Brasil certificates have RSA keys of at least 2048 bits; this one has another kind.",
	"icp_hash": "The certificate is signed with {name}; SHA-256 is needed.",
	"icp_level_seal": (
		"This is a signing certificate (BRSEAL): it belongs to the organisation. "
		"The software statement takes the transport certificate (BRCAC)."
	),
	"icp_level_transport": (
		"This is a transport certificate (BRCAC): it belongs to the software statement. "
		"The organisation takes the signing certificate (BRSEAL)."
	),
	"icp_software": "The certificate names another application (UID) than the software statement.",
	"icp_organization": "The certificate names another organisation than the one in the Directory.",
	"icp_no_client": "The certificate does not allow its key to show who calls (clientAuth).",
	"icp_no_seal": "The certificate does not allow its key to seal (nonRepudiation).",
	"icp_directory_sandbox": (
		"The certificate has the short form that the Directory's sandbox issues; production wants one of ICP-Brasil."
	),
}


@dataclass(frozen=True, slots=True)
class Holder:
	"""Who a certificate has to name; an empty id is not compared.

	Attributes:
		organization_id: of the organisation in the Directory.
		software_statement_id: of the application there.
	"""

	organization_id: str = ""
	software_statement_id: str = ""


@dataclass(frozen=True, slots=True)
class Said:
	"""What a certificate says of its holder.

	Attributes:
		user_id: UID of the subject.
		organization_id: from the organisation identifier, without its scheme, or from the unit (older form).
		short: the short form of the Directory's sandbox: no UID, the application as the common name.
	"""

	user_id: str
	organization_id: str
	short: bool


def read(certificate: Certificate) -> Said:
	"""What a certificate says of its holder."""
	subject = distinguished_name.from_der(certificate.native.subject.public_bytes())
	identifier = distinguished_name.first(subject, ORGANIZATION_IDENTIFIER)
	user_id = distinguished_name.first(subject, USER_ID)
	organization = identifier.removeprefix(SCHEME) or distinguished_name.first(subject, _UNIT)
	short = not user_id and not identifier
	return Said(
		user_id=(distinguished_name.first(subject, _COMMON_NAME) if short else user_id).lower(),
		organization_id=organization.lower(),
		short=short,
	)


def check(
	chain: Sequence[Certificate],
	*,
	key_fingerprint: str,
	usage: Usage,
	now: datetime,
	holder: Holder,
	roots: str | None = None,
) -> list[Finding]:
	"""What speaks against using a certificate; empty if nothing does.

	Args:
		chain: the certificate, then its issuer, and so on.
		key_fingerprint: of the key that it has to fit.
		usage: what it is to be used for.
		now: the present instant, aware.
		holder: whom it has to name.
		roots: PEM text of the authorities to trust; None if that is not to be judged.

	Raises:
		CertificateError: the chain is empty, or `roots` cannot be read.
	"""
	if not chain:
		raise CertificateError("no_certificate", "There is no certificate.")
	leaf = chain[0]
	return [
		*fit_findings(chain, key_fingerprint, now),
		*_kind(leaf),
		*(_seal(leaf, holder) if usage is Usage.SIGNING else _transport(leaf, holder)),
		*authority_findings(chain, roots),
	]


def _finding(code: str, *, fatal: bool = True, **values: str) -> Finding:
	return finding(MESSAGES, code, fatal=fatal, **values)


def _kind(leaf: Certificate) -> Iterator[Finding]:
	if not leaf.key_label.startswith("RSA"):
		yield _finding("icp_rsa")
	hash_name = getattr(leaf.native.signature_hash_algorithm, "name", "")
	if hash_name in _WEAK_HASHES:
		yield _finding("icp_hash", name=hash_name.upper())


def _transport(leaf: Certificate, holder: Holder) -> Iterator[Finding]:
	said = read(leaf)
	if _is_seal(leaf, said, holder):
		yield _finding("icp_level_seal")
		return
	if not _client(leaf):
		yield _finding("icp_no_client")
	if holder.software_statement_id and said.user_id != holder.software_statement_id.lower():
		yield _finding("icp_software")
	if holder.organization_id and said.organization_id != holder.organization_id.lower():
		yield _finding("icp_organization")
	if said.short:
		yield _finding("icp_directory_sandbox", fatal=False)


def _seal(leaf: Certificate, holder: Holder) -> Iterator[Finding]:
	said = read(leaf)
	if _client(leaf) or (
		holder.software_statement_id and said.user_id == holder.software_statement_id.lower()
	):
		yield _finding("icp_level_transport")
		return
	if "content_commitment" not in (leaf.key_usage or ()):
		yield _finding("icp_no_seal")
	named = said.organization_id if said.short else said.user_id
	if holder.organization_id and named != holder.organization_id.lower():
		yield _finding("icp_organization")
	if said.short:
		yield _finding("icp_directory_sandbox", fatal=False)


def _is_seal(leaf: Certificate, said: Said, holder: Holder) -> bool:
	names_organization = bool(holder.organization_id) and said.user_id == holder.organization_id.lower()
	return names_organization or (not _client(leaf) and "content_commitment" in (leaf.key_usage or ()))


def _client(leaf: Certificate) -> bool:
	return "clientAuth" in (leaf.extended_usages or ())
