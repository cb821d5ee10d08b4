"""Commercial certificates of a company: no licence behind them, no host in them; a bank knows the company by them.

What Czech authorities issue so (I.CA, PostSignum; kb_batch.md, 2.2) is made for signing, and often does not say that its
key may open connections: the bank takes it all the same. A seal or a web certificate of the company will do too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bank_api.crypto.bundle import issued
from bank_api.crypto.certificate import Certificate
from bank_api.crypto.checks import Finding, authority_findings, finding, fit_findings
from bank_api.crypto.csr import ORGANIZATION_IDENTIFIER, check_names, key_usage
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey

MESSAGES = {
	"self_signed": "The certificate is signed with its own key; banks only accept one that an authority issued.",
	"connection_unnamed": "The certificate does not say that its key may open connections.",
	"holder_missing": "The certificate names no company.",
}


@dataclass(frozen=True, slots=True)
class CommercialRequest:
	"""Whom a certificate is for.

	Attributes:
		country: two capital letters.
		organization: the legal name, at most 64 characters.
		common_name: at most 64 characters.
		organization_identifier: the company's number as ETSI EN 319 412-1 writes it, such as `NTRCZ-12345679`; or empty.
		email: contact address, or empty.
	"""

	country: str
	organization: str
	common_name: str
	organization_identifier: str = ""
	email: str = ""


def build_csr(key: PrivateKey, request: CommercialRequest) -> str:
	"""The signing request as PEM text.

	Raises:
		CertificateError: `csr_field`; the message names the field.
	"""
	check_names(request)
	builder = (
		x509.CertificateSigningRequestBuilder()
		.subject_name(_subject(request))
		.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
		.add_extension(key_usage(content_commitment=True), critical=True)
	)
	if request.email:
		names = x509.SubjectAlternativeName([x509.RFC822Name(request.email)])
		builder = builder.add_extension(names, critical=False)
	return builder.sign(key.native, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _subject(request: CommercialRequest) -> x509.Name:
	values = (
		(NameOID.COUNTRY_NAME, request.country),
		(NameOID.ORGANIZATION_NAME, request.organization),
		(ORGANIZATION_IDENTIFIER, request.organization_identifier),
		(NameOID.COMMON_NAME, request.common_name),
	)
	return x509.Name([x509.NameAttribute(oid, value) for oid, value in values if value])


def check(
	chain: Sequence[Certificate], *, key_fingerprint: str, now: datetime, roots: str | None = None
) -> list[Finding]:
	"""What speaks against using a certificate; empty if nothing does.

	Args:
		chain: the certificate, then its issuer, and so on.
		key_fingerprint: of the key that it has to fit.
		now: the present instant, aware.
		roots: PEM text of the authorities to trust; None if that is not to be judged.

	Raises:
		CertificateError: the chain is empty, or `roots` cannot be read.
	"""
	if not chain:
		raise CertificateError("no_certificate", "There is no certificate.")
	return [*fit_findings(chain, key_fingerprint, now), *_own(chain[0]), *_authority(chain, roots)]


def _own(leaf: Certificate) -> Iterator[Finding]:
	if not may_connect(leaf):
		yield finding(MESSAGES, "connection_unnamed", fatal=False)
	if not leaf.organization:
		yield finding(MESSAGES, "holder_missing", fatal=False)


def may_connect(leaf: Certificate) -> bool:
	"""Whether a certificate says, or leaves open, that its key may open connections."""
	signs = leaf.key_usage is None or "digital_signature" in leaf.key_usage
	return signs and (leaf.extended_usages is None or "clientAuth" in leaf.extended_usages)


def _authority(chain: Sequence[Certificate], roots: str | None) -> Iterator[Finding]:
	if issued(chain[0], chain[0]):
		yield finding(MESSAGES, "self_signed")
		return
	yield from authority_findings(chain, roots)
