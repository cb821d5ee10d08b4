"""The rules that a certificate follows: what its request says, and what speaks against one that was issued."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from frappe.model.document import Document

from bank_api.crypto import checks, commercial, icp_checks
from bank_api.crypto.certificates import Certificate, Finding, Usage
from bank_api.crypto.csr import CsrRequest
from bank_api.crypto.csr import build_csr as build_etsi_csr
from bank_api.crypto.icp_brasil import IcpRequest
from bank_api.crypto.icp_brasil import build_csr as build_icp_csr
from bank_api.crypto.keys import PrivateKey
from bank_api.gateway.clock import utc_now

ETSI, ICP_BRASIL, COMMERCIAL = "ETSI (PSD2)", "ICP-Brasil", "Commercial"
ROLE_FIELDS = {"PSP_AI": "role_ai", "PSP_PI": "role_pi", "PSP_IC": "role_ic", "PSP_AS": "role_as"}
# Who holds a certificate, in the words of any profile: a successor takes this over from the one before it.
SUBJECT_FIELDS = (
	"organization",
	"organization_identifier",
	"country",
	"common_name",
	"dns_names",
	"email",
	*ROLE_FIELDS.values(),
	"authority_name",
	"authority_id",
	"company_number",
	"organization_id",
	"software_statement_id",
	"business_category",
	"locality",
	"state",
	"units",
	"responsible",
)


@dataclass(frozen=True, slots=True)
class Profile:
	"""What differs between the rules.

	Attributes:
		needed: the fields that a request cannot do without.
		request: the signing request (PEM) for a key.
		findings: what speaks against a chain, given the fingerprint of the record's key.
		fill_in: take over who holds a certificate that came ready-made.
	"""

	needed: Callable[[Document], Sequence[str]]
	request: Callable[[PrivateKey, Document], str]
	findings: Callable[[Document, Sequence[Certificate], str], list[Finding]]
	fill_in: Callable[[Document, Certificate], None]


def of(doc: Document) -> Profile:
	"""The profile of a Bank API Certificate; records from before there were several have none set."""
	return _PROFILES[doc.profile or ETSI]


def _transport(doc: Document) -> bool:
	return doc.usage == Usage.TRANSPORT.value


def _lines(text: str | None) -> tuple[str, ...]:
	return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


# --- ETSI TS 119 495


def _roles(doc: Document) -> tuple[str, ...]:
	return tuple(role for role, field in ROLE_FIELDS.items() if doc.get(field))


def _etsi_needed(doc: Document) -> Sequence[str]:
	needed = ["organization", "organization_identifier", "country", "common_name"]
	if _transport(doc):
		needed += ["dns_names"]
	if _roles(doc):
		needed += ["authority_name", "authority_id"]
	return needed


def _etsi_request(key: PrivateKey, doc: Document) -> str:
	return build_etsi_csr(
		key,
		CsrRequest(
			usage=Usage(doc.usage),
			country=doc.country,
			organization=doc.organization,
			organization_identifier=doc.organization_identifier,
			common_name=doc.common_name,
			dns_names=tuple((doc.dns_names or "").split()),
			roles=_roles(doc),
			authority_name=doc.authority_name or "",
			authority_id=doc.authority_id or "",
			email=doc.email or "",
		),
	)


def _etsi_findings(doc: Document, chain: Sequence[Certificate], fingerprint: str) -> list[Finding]:
	found = checks.check(
		chain,
		key_fingerprint=fingerprint,
		usage=Usage(doc.usage),
		now=utc_now(),
		roots=doc.roots or None,
		role="PSP_AI" if doc.role_ai else None,
	)
	return [*found, *_etsi_differences(doc, chain[0])]


def _etsi_differences(doc: Document, leaf: Certificate) -> list[Finding]:
	"""What the authority has written otherwise than it was asked to: worth a look, not a reason to refuse."""
	found = []
	if doc.csr and set(_roles(doc)) != set(leaf.roles):
		found.append(Finding("roles_differ", "The roles are not those that were asked for.", False))
	identifier = doc.organization_identifier
	if doc.csr and identifier and identifier != leaf.organization_identifier:
		found.append(
			Finding("identifier_differs", "The identifier is not the one that was asked for.", False)
		)
	return found


def _etsi_fill_in(doc: Document, leaf: Certificate) -> None:
	for field in ("organization", "organization_identifier", "country", "common_name"):
		doc.set(field, getattr(leaf, field) or doc.get(field))
	doc.dns_names = "\n".join(leaf.dns_names) or doc.dns_names
	doc.authority_name = leaf.authority_name or doc.authority_name
	doc.authority_id = leaf.authority_id or doc.authority_id
	for role, field in ROLE_FIELDS.items():
		doc.set(field, int(role in leaf.roles))


# --- ICP-Brasil


def _icp_needed(doc: Document) -> Sequence[str]:
	needed = ["organization", "company_number", "organization_id", "common_name"]
	if _transport(doc):
		needed += ["software_statement_id", "business_category", "locality", "state", "dns_names"]
	return needed


def _icp_request(key: PrivateKey, doc: Document) -> str:
	return build_icp_csr(
		key,
		IcpRequest(
			usage=Usage(doc.usage),
			organization=doc.organization,
			company_number=doc.company_number,
			organization_id=doc.organization_id,
			common_name=doc.common_name,
			software_statement_id=doc.software_statement_id or "",
			business_category=doc.business_category or "",
			state=doc.state or "",
			locality=doc.locality or "",
			dns_names=tuple((doc.dns_names or "").split()),
			units=_lines(doc.units),
			responsible=doc.responsible or "",
		),
	)


def _icp_findings(doc: Document, chain: Sequence[Certificate], fingerprint: str) -> list[Finding]:
	return icp_checks.check(
		chain,
		key_fingerprint=fingerprint,
		usage=Usage(doc.usage),
		now=utc_now(),
		holder=icp_checks.Holder(doc.organization_id or "", doc.software_statement_id or ""),
		roots=doc.roots or None,
	)


def _icp_fill_in(doc: Document, leaf: Certificate) -> None:
	said = icp_checks.read(leaf)
	doc.common_name = leaf.common_name or doc.common_name
	if _transport(doc):
		doc.organization = leaf.organization or doc.organization
		doc.dns_names = "\n".join(leaf.dns_names) or doc.dns_names
		doc.organization_id = said.organization_id or doc.organization_id
		doc.software_statement_id = said.user_id or doc.software_statement_id
	else:  # a seal's O is ICP-Brasil; the company is its common name
		doc.organization = leaf.common_name or doc.organization
		doc.organization_id = said.organization_id if said.short else said.user_id


# --- commercial


def _commercial_needed(doc: Document) -> Sequence[str]:
	return ["organization", "country", "common_name"]


def _commercial_request(key: PrivateKey, doc: Document) -> str:
	return commercial.build_csr(
		key,
		commercial.CommercialRequest(
			country=doc.country,
			organization=doc.organization,
			common_name=doc.common_name,
			organization_identifier=doc.organization_identifier or "",
			email=doc.email or "",
		),
	)


def _commercial_findings(doc: Document, chain: Sequence[Certificate], fingerprint: str) -> list[Finding]:
	return commercial.check(chain, key_fingerprint=fingerprint, now=utc_now(), roots=doc.roots or None)


def _commercial_fill_in(doc: Document, leaf: Certificate) -> None:
	for field in ("organization", "organization_identifier", "country", "common_name"):
		doc.set(field, getattr(leaf, field) or doc.get(field))


_PROFILES = {
	ETSI: Profile(_etsi_needed, _etsi_request, _etsi_findings, _etsi_fill_in),
	ICP_BRASIL: Profile(_icp_needed, _icp_request, _icp_findings, _icp_fill_in),
	COMMERCIAL: Profile(_commercial_needed, _commercial_request, _commercial_findings, _commercial_fill_in),
}
