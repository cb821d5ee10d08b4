"""Certificates, in one place for those who use them: what one says, how a file is read, whether it can be used."""

from bank_api.crypto.bundle import Bundle, read_bundle
from bank_api.crypto.certificate import Certificate, Usage, from_header, read_der
from bank_api.crypto.checks import MESSAGES, Finding, check
from bank_api.crypto.errors import CertificateError

__all__ = [
	"MESSAGES",
	"Bundle",
	"Certificate",
	"CertificateError",
	"Finding",
	"Usage",
	"check",
	"from_header",
	"read_bundle",
	"read_der",
]
