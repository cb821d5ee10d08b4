"""Mutual TLS with a transport certificate whose key is never readable on a disk.

Python's `ssl` takes a key only from a file. It gets one in memory (`memfd_create`), or, where the system has no
such thing, a temporary one that is removed at once; either way the key in it is encrypted with a random
passphrase that lives as long as the call (berlin_group_migdal.md, 6.4).
"""

import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey
from bank_api.crypto.secret import Secret


def client_context(chain_pem: str, key: PrivateKey, ca_bundle: str | None = None) -> ssl.SSLContext:
	"""A context that verifies the server, and answers its demand for a client certificate.

	Args:
		chain_pem: the transport certificate, then its issuers.
		key: its private key.
		ca_bundle: PEM text of authorities to trust besides the system's.

	Raises:
		CertificateError: `chain_unusable` or `ca_bundle_unreadable`.
	"""
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the host name and demands a certificate
	context.minimum_version = ssl.TLSVersion.TLSv1_2
	context.post_handshake_auth = True  # some servers ask once they have seen the path
	context.load_default_certs(ssl.Purpose.SERVER_AUTH)
	if ca_bundle and ca_bundle.strip():
		_trust(context, ca_bundle)
	_identify(context, chain_pem, key)
	return context


def _trust(context: ssl.SSLContext, ca_bundle: str) -> None:
	try:
		context.load_verify_locations(cadata=ca_bundle)
	except (ssl.SSLError, ValueError):
		raise CertificateError(
			"ca_bundle_unreadable", "The certificate authorities to trust are not valid PEM text."
		) from None


def _identify(context: ssl.SSLContext, chain_pem: str, key: PrivateKey) -> None:
	passphrase = Secret(secrets.token_hex(32))
	encrypted = key.encrypted_pem(passphrase.reveal().encode())
	try:
		with _as_file(chain_pem.encode() + b"\n" + encrypted) as path:
			context.load_cert_chain(path, password=passphrase.reveal)
	except (ssl.SSLError, ValueError):
		raise CertificateError(
			"chain_unusable", "The transport certificate's chain cannot be used with its key."
		) from None


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
	"""A path to read these bytes from, which ends with the block."""
	descriptor = _memory_file()
	if descriptor is None:
		with _temporary_file(data) as path:
			yield path
		return
	with open(descriptor, "wb") as file:
		file.write(data)
		file.flush()
		yield f"/proc/self/fd/{descriptor}"


def _memory_file() -> int | None:
	"""A file in memory that children do not inherit, or None where there is none with a path."""
	if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
		return None
	try:
		return os.memfd_create("bank_api", os.MFD_CLOEXEC)
	except OSError:
		return None


@contextmanager
def _temporary_file(data: bytes) -> Iterator[str]:
	"""A file that only this user can read, removed at the end of the block."""
	descriptor, path = tempfile.mkstemp(prefix="bank_api-")
	try:
		with open(descriptor, "wb") as file:
			file.write(data)
		yield path
	finally:
		os.unlink(path)
