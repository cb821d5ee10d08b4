"""What is found in keys and certificates, in translated sentences that say what to do."""

from collections.abc import Mapping

from frappe import _


def words(code: str, fallback: str, values: Mapping[str, str] | None = None) -> str:
	"""The sentence for a finding or an error of `bank_api.crypto`.

	Args:
		code: its stable code.
		fallback: what it says itself, in English, for a code that has no sentence here.
		values: what belongs into the sentence, by name.
	"""
	for sentences in (_files(), _certificates(), _commercial(), _icp_brasil(), _records()):
		if code in sentences:
			return sentences[code].format(**(values or {}))
	return fallback


def _files() -> dict[str, str]:
	"""A file cannot be read."""
	return {
		"certificate_unreadable": _(
			"The certificate cannot be read. Upload the file as the authority has sent it."
		),
		"file_is_request": _(
			"This is the signing request. Upload the certificate that the authority has issued for it."
		),
		"file_password": _("The file is protected by a password: enter it, and check how it is spelled."),
		"file_too_large": _("The file is too large to be a certificate."),
		"file_unreadable": _("The file cannot be read as a certificate: PEM, DER or PKCS#12 is expected."),
		"key_kind": _("A key has to be RSA with 2048, 3072 or 4096 bits, or P-256."),
		"key_password": _("The file is protected by a password: enter it, and check how it is spelled."),
		"key_unreadable": _("The private key in the file cannot be read."),
		"no_certificate": _(
			"The file holds no certificate. Upload the answer of the authority, not the request."
		),
		"several_certificates": _(
			"The file holds several certificates that do not belong together. Upload one of them with its chain."
		),
		"several_keys": _(
			"The file holds more than one private key. Upload one that holds only the right one."
		),
	}


def _certificates() -> dict[str, str]:
	"""A certificate is not what it should be (`bank_api.crypto.checks`)."""
	return {
		"key_mismatch": _(
			"The certificate was issued for another key than the one of this record. "
			"Upload it where its request was made."
		),
		"key_weak": _("The key is too weak: RSA with at least 2048 bits, or P-256, is needed."),
		"is_authority": _(
			"This is the certificate of an authority. Upload the one that it has issued for you, with this one."
		),
		"self_signed": _(
			"The certificate is signed with its own key. Banks accept only what an authority has issued."
		),
		"expired": _("The certificate ended on {date}. Ask the authority for a new one."),
		"not_yet_valid": _("The certificate is valid from {date} on only."),
		"issuer_expired": _(
			"The authority's certificate {name} ended on {date}. Ask the authority for its present one."
		),
		"wrong_usage_seal": _(
			"This is a certificate for signing (QSEAL), but this record is for transport (QWAC)."
		),
		"wrong_usage_web": _(
			"This is a certificate for transport (QWAC), but this record is for signing (QSEAL)."
		),
		"wrong_usage_key": _("The certificate does not allow its key to make signatures."),
		"wrong_usage_client": _("The certificate does not allow its key to show who calls (clientAuth)."),
		"usage_unclear": _("The certificate does not say whether it is for transport or for signing."),
		"role_missing": _("The certificate does not give the role {role}. The provider may refuse it."),
		"organization_identifier_missing": _(
			"The certificate has no organization identifier. Providers know you by it."
		),
		"chain_incomplete": _(
			"The issuer's certificate is missing, and some providers need it. "
			"Upload the file again with the authority's certificates."
		),
		"chain_broken": _(
			"The certificate {name} does not belong to this chain. Upload the file without it."
		),
		"root_unknown": _("The chain does not end at one of the root certificates of this record."),
	}


def _commercial() -> dict[str, str]:
	"""A commercial certificate is not what it should be (`bank_api.crypto.commercial`)."""
	return {
		"connection_unnamed": _(
			"The certificate does not say that its key may open connections (clientAuth). "
			"Banks that ask for a commercial one take it; equipment between here and there may not."
		),
		"holder_missing": _("The certificate names no company. The bank may not know whom it belongs to."),
	}


def _icp_brasil() -> dict[str, str]:
	"""A certificate is not what Open Finance Brasil wants (`bank_api.crypto.icp_checks`)."""
	return {
		"icp_rsa": _(
			"ICP-Brasil certificates have RSA keys of at least 2048 bits; this one has another kind."
		),
		"icp_hash": _("The certificate is signed with {name}. Ask the authority for one with SHA-256."),
		"icp_level_seal": _(
			"This is a signing certificate (BRSEAL): it belongs to the organization. "
			"The software statement takes the transport certificate (BRCAC)."
		),
		"icp_level_transport": _(
			"This is a transport certificate (BRCAC): it belongs to the software statement. "
			"The organization takes the signing certificate (BRSEAL)."
		),
		"icp_software": _(
			"The certificate names another application (UID) than the software statement. "
			"Compare the software statement's ID with the Directory, then ask the authority."
		),
		"icp_organization": _(
			"The certificate names another organization than the one in the Directory. "
			"Compare the organization's ID with the Directory, then ask the authority."
		),
		"icp_no_client": _("The certificate does not allow its key to show who calls (clientAuth)."),
		"icp_no_seal": _("The certificate does not allow its key to seal (nonRepudiation)."),
		"icp_directory_sandbox": _(
			"The certificate has the short form of the Directory's sandbox. For production, ICP-Brasil issues a full one."
		),
	}


def _records() -> dict[str, str]:
	"""A certificate does not fit the record."""
	return {
		"no_key": _(
			"There is no private key for this certificate here. Upload it where its request was made, "
			"or upload a PKCS#12 file that holds the key."
		),
		"other_key": _(
			"The file holds another private key than this record. Upload it to a new record or a successor."
		),
		"other_certificate": _(
			"This record holds another certificate already. Press Prepare Successor and upload the new one there."
		),
		"roles_differ": _(
			"The certificate names other roles than were asked for. Ask the authority if that is meant."
		),
		"identifier_differs": _(
			"The certificate names another organization identifier than was asked for. "
			"Providers know you by it: ask the authority if that is meant."
		),
	}
