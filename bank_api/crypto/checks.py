"""Whether an issued certificate can be used: for this key and this purpose, now, with this chain.

The profile: berlin_group_migdal.md, 6.1 and 6.3 (ETSI EN 319 412-2 to -5, ETSI TS 119 495).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from bank_api.crypto.bundle import issued, read_bundle
from bank_api.crypto.certificate import Certificate, Usage
from bank_api.crypto.errors import CertificateError

MESSAGES = {
	"key_mismatch": "The certificate was issued for another key than the one generated here.",
	"key_weak": "The certificate's key is too weak: RSA with at least 2048 bits, or P-256, is needed.",
	"is_authority": "This is the certificate of an authority, not the one that it issued for you.",
	"self_signed": "The certificate is signed with its own key; banks only accept one that an authority issued.",
	"expired": "The certificate ended on {date}.",
	"not_yet_valid": "The certificate is only valid from {date} on.",
	"issuer_expired": "The authority's certificate {name} ended on {date}.",
	"wrong_usage_seal": "This is a certificate for signing (QSEAL); one for the connection (QWAC) is needed.",
	"wrong_usage_web": "This is a certificate for the connection (QWAC); one for signing (QSEAL) is needed.",
	"wrong_usage_key": "The certificate does not allow its key to make signatures.",
	"wrong_usage_client": "The certificate does not allow its key to identify a client.",
	"usage_unclear": "The certificate does not say whether it is for the connection or for signing.",
	"role_missing": "The certificate does not give the role {role}; the bank may refuse it.",
	"organization_identifier_missing": "The certificate has no organization identifier; banks know you by it.",
	"chain_incomplete": "The issuer's certificate is missing; some banks need it.",
	"chain_broken": "The certificate {name} does not belong to the chain. Upload the chain without it.",
	"root_unknown": "The chain does not end at an authority that is trusted here.",
}


@dataclass(frozen=True, slots=True)
class Finding:
	"""Something about a certificate that someone should know.

	Attributes:
		code: stable, a key of `MESSAGES`.
		message: what it is, in words.
		fatal: the certificate cannot be used.
		values: what was put into the text of `MESSAGES`, for a translation of it.
	"""

	code: str
	message: str
	fatal: bool
	values: Mapping[str, str] = field(default_factory=dict)


def finding(messages: Mapping[str, str], code: str, *, fatal: bool = True, **values: str) -> Finding:
	"""A finding whose sentence is one of `messages`."""
	return Finding(code, messages[code].format(**values), fatal, values)


def _finding(code: str, *, fatal: bool = True, **values: str) -> Finding:
	return finding(MESSAGES, code, fatal=fatal, **values)


def check(
	chain: Sequence[Certificate],
	*,
	key_fingerprint: str,
	usage: Usage,
	now: datetime,
	roots: str | None = None,
	role: str | None = "PSP_AI",
) -> list[Finding]:
	"""What speaks against using a certificate; empty if nothing does.

	Args:
		chain: the certificate, then its issuer, and so on.
		key_fingerprint: of the key that it has to fit.
		usage: what it is to be used for.
		now: the present instant, aware.
		roots: PEM text of the authorities to trust; None if that is not to be judged.
		role: the PSD2 role that is needed, None if none is.

	Raises:
		CertificateError: the chain is empty, or `roots` cannot be read.
	"""
	if not chain:
		raise CertificateError("no_certificate", "There is no certificate.")
	leaf = chain[0]
	return [
		*fit_findings(chain, key_fingerprint, now),
		*_usage(leaf, usage),
		*_identity(leaf, role),
		*authority_findings(chain, roots),
	]


def fit_findings(chain: Sequence[Certificate], key_fingerprint: str, now: datetime) -> Iterator[Finding]:
	"""What speaks against a certificate of any profile: another key, too weak a one, ended, an authority's own."""
	leaf = chain[0]
	yield from _key(leaf, key_fingerprint)
	yield from _dates(chain, now)
	if leaf.is_authority:
		yield _finding("is_authority")


def authority_findings(chain: Sequence[Certificate], roots: str | None) -> Iterator[Finding]:
	"""What speaks against the chain of a certificate of any profile."""
	yield from _chain(chain)
	yield from _roots(chain, roots)


def _key(leaf: Certificate, fingerprint: str) -> Iterator[Finding]:
	if leaf.key_fingerprint != fingerprint.lower():
		yield _finding("key_mismatch")
	kind, _, bits = leaf.key_label.partition(" ")
	if leaf.key_label != "P-256" and not (kind == "RSA" and int(bits) >= 2048):
		yield _finding("key_weak")


def _dates(chain: Sequence[Certificate], now: datetime) -> Iterator[Finding]:
	leaf = chain[0]
	if leaf.not_after < now:
		yield _finding("expired", date=_date(leaf.not_after))
	if leaf.not_before > now + timedelta(minutes=5):
		yield _finding("not_yet_valid", fatal=False, date=_date(leaf.not_before))
	for issuer in chain[1:]:
		if issuer.not_after < now:
			yield _finding("issuer_expired", name=_name(issuer), date=_date(issuer.not_after))


def _usage(leaf: Certificate, usage: Usage) -> Iterator[Finding]:
	if leaf.key_usage is not None and not _may_sign(leaf.key_usage, usage):
		yield _finding("wrong_usage_key")
	if usage is Usage.TRANSPORT:
		yield from _transport(leaf)
	elif leaf.qc_type == "web":
		yield _finding("wrong_usage_web")
	elif leaf.qc_type is None and leaf.extended_usages:
		yield _finding("usage_unclear", fatal=False)


def _transport(leaf: Certificate) -> Iterator[Finding]:
	if leaf.qc_type == "seal":
		yield _finding("wrong_usage_seal")
	elif leaf.extended_usages is not None and "clientAuth" not in leaf.extended_usages:
		yield _finding("wrong_usage_client")
	elif leaf.extended_usages is None and leaf.qc_type is None:
		yield _finding("usage_unclear", fatal=False)


def _may_sign(usages: Sequence[str], usage: Usage) -> bool:
	if usage is Usage.SIGNING and "content_commitment" in usages:
		return True
	return "digital_signature" in usages


def _identity(leaf: Certificate, role: str | None) -> Iterator[Finding]:
	if role and role not in leaf.roles:
		yield _finding("role_missing", fatal=False, role=role)
	if not leaf.organization_identifier:
		yield _finding("organization_identifier_missing", fatal=False)


def _chain(chain: Sequence[Certificate]) -> Iterator[Finding]:
	for certificate, issuer in pairwise(chain):
		if not (issuer.is_authority and issued(certificate, issuer)):
			yield _finding("chain_broken", name=_name(issuer))
	if issued(chain[0], chain[0]):
		yield _finding("self_signed", fatal=False)
	elif len(chain) == 1:
		yield _finding("chain_incomplete", fatal=False)


def _roots(chain: Sequence[Certificate], roots: str | None) -> Iterator[Finding]:
	if roots is None or not roots.strip():
		return
	trusted = read_roots(roots)
	if not any(one.der == root.der or issued(one, root) for one in chain for root in trusted):
		yield _finding("root_unknown")


def read_roots(text: str) -> list[Certificate]:
	"""The authorities of a PEM text.

	Raises:
		CertificateError: see `read_bundle`.
	"""
	blocks = text.split("-----END CERTIFICATE-----")[:-1]
	return [read_bundle(f"{block}-----END CERTIFICATE-----".encode()).chain[0] for block in blocks]


def _date(instant: datetime) -> str:
	return instant.astimezone(timezone.utc).date().isoformat()


def _name(certificate: Certificate) -> str:
	return certificate.common_name or certificate.subject
