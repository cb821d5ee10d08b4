"""Mutual TLS: real handshakes with a server that demands the client's certificate; no readable key on a disk."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from bank_api.crypto import client_tls
from bank_api.crypto.certificates import CertificateError, read_bundle
from bank_api.crypto.client_tls import client_context
from bank_api.crypto.keys import PrivateKey

REPO = Path(__file__).parents[2]
SERVER_CA = trustme.CA(organization_name="Sim server CA")
CLIENT_CA = trustme.CA(organization_name="Sim transport CA")
READABLE = (b"-----BEGIN PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY", b"-----BEGIN EC PRIVATE KEY")


def identity(authority=CLIENT_CA, host="tpp.sim.example", key_type=trustme.KeyType.RSA):
	issued = authority.issue_cert(host, key_type=key_type)
	chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems).decode()
	return chain, PrivateKey.from_pem(issued.private_key_pem.bytes().decode())


CHAIN, KEY = identity()
SERVER_CA_PEM = SERVER_CA.cert_pem.bytes().decode()


@contextmanager
def server(*, host="localhost", newest=None):
	"""A server that demands a client certificate; yields its port and what it saw of each connection."""
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	SERVER_CA.issue_cert(host).configure_cert(context)
	CLIENT_CA.configure_trust(context)
	context.verify_mode = ssl.CERT_REQUIRED
	if newest:
		context.minimum_version = ssl.TLSVersion.TLSv1
		context.set_ciphers("DEFAULT:@SECLEVEL=0")
		context.maximum_version = newest
	seen = []

	def serve(listener):
		while True:
			try:
				connection, _ = listener.accept()
			except OSError:
				return
			connection.settimeout(10)
			try:
				with context.wrap_socket(connection, server_side=True) as secured:
					seen.append((secured.version(), secured.getpeercert(binary_form=True)))
					secured.sendall(b"hello " + secured.recv(100))
			except (ssl.SSLError, OSError) as error:
				seen.append(error)

	with socket.create_server(("127.0.0.1", 0)) as listener:
		thread = threading.Thread(target=serve, args=(listener,), daemon=True)
		thread.start()
		yield listener.getsockname()[1], seen
		listener.shutdown(socket.SHUT_RDWR)
	thread.join(10)


def greet(context, port, host="localhost"):
	with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
		with context.wrap_socket(plain, server_hostname=host) as secured:
			secured.sendall(b"you")
			return secured.recv(100)


@pytest.fixture(params=["memory", "file"])
def storage(request, monkeypatch):
	"""The two ways of handing the key to `ssl`."""
	if request.param == "file":
		monkeypatch.setattr(client_tls, "_memory_file", lambda: None)
	elif client_tls._memory_file() is None:
		pytest.skip("this system has no files in memory")
	return request.param


@pytest.mark.parametrize("key_type", [trustme.KeyType.RSA, trustme.KeyType.ECDSA])
def test_a_server_that_demands_the_certificate_gets_it(storage, key_type):
	chain, key = identity(key_type=key_type)
	with server() as (port, seen):
		assert greet(client_context(chain, key, SERVER_CA_PEM), port) == b"hello you"
	assert seen == [("TLSv1.3", read_bundle(chain.encode()).chain[0].der)]


def test_tls_1_2_is_enough_and_less_is_not(storage):
	with server(newest=ssl.TLSVersion.TLSv1_2) as (port, seen):
		assert greet(client_context(CHAIN, KEY, SERVER_CA_PEM), port) == b"hello you"
	assert seen[0][0] == "TLSv1.2"
	with server(newest=ssl.TLSVersion.TLSv1_1) as (port, _):
		with pytest.raises((ssl.SSLError, OSError)):
			greet(client_context(CHAIN, KEY, SERVER_CA_PEM), port)


def test_the_server_refuses_a_certificate_of_another_authority_and_none():
	stranger = client_context(*identity(trustme.CA()), SERVER_CA_PEM)
	nobody = ssl.create_default_context(cadata=SERVER_CA_PEM)
	for context in (stranger, nobody):
		with server() as (port, seen):
			with pytest.raises((ssl.SSLError, OSError)):
				assert greet(context, port) == b"hello you"
		assert isinstance(seen[0], ssl.SSLError)


def test_the_server_is_verified():
	assert client_context(CHAIN, KEY).verify_mode is ssl.CERT_REQUIRED
	with server() as (port, _):
		with pytest.raises(ssl.SSLCertVerificationError, match="certificate"):
			greet(client_context(CHAIN, KEY), port)
		with pytest.raises(ssl.SSLCertVerificationError, match="certificate"):
			greet(client_context(CHAIN, KEY, trustme.CA().cert_pem.bytes().decode()), port)
	with server(host="other.sim.example") as (port, _):
		with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
			greet(client_context(CHAIN, KEY, SERVER_CA_PEM), port)


def test_public_authorities_stay_trusted_beside_a_private_one():
	private, public = client_context(CHAIN, KEY, SERVER_CA_PEM), client_context(CHAIN, KEY, " ")
	assert private.cert_store_stats()["x509_ca"] == public.cert_store_stats()["x509_ca"] + 1


def test_a_chain_that_does_not_fit_the_key(storage):
	for chain in (identity()[0], "", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"):
		with pytest.raises(CertificateError) as caught:
			client_context(chain, KEY)
		assert caught.value.code == "chain_unusable"


@pytest.mark.parametrize("bundle", ["no PEM", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"])
def test_authorities_that_cannot_be_read(bundle):
	with pytest.raises(CertificateError) as caught:
		client_context(CHAIN, KEY, bundle)
	assert caught.value.code == "ca_bundle_unreadable"


def test_no_frame_of_an_error_tells_the_passphrase(monkeypatch):
	told = []
	encrypted_pem = PrivateKey.encrypted_pem

	def note(key, passphrase):
		told.append(passphrase.decode())
		return encrypted_pem(key, passphrase)

	monkeypatch.setattr(PrivateKey, "encrypted_pem", note)
	with pytest.raises(CertificateError) as caught:
		client_context(identity()[0], KEY)
	frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
	shown = "".join(repr(value) for frame in frames for value in frame.f_locals.values())
	assert len(told[0]) == 64 and told[0] not in shown
	assert not any(mark.decode() in shown for mark in READABLE)


WATCH = """
import json, os, ssl, sys, tempfile
from pathlib import Path
from bank_api.crypto import client_tls
from bank_api.crypto.keys import PrivateKey

way, chain, key_file = sys.argv[1:]
chain, key = Path(chain).read_text(), PrivateKey.from_pem(Path(key_file).read_text())
Path(key_file).unlink()
tempfile.gettempdir()  # tries the folder out once
seen = {"written": [], "loaded": [], "locked": [], "descriptors": len(os.listdir("/proc/self/fd"))}
original = ssl.SSLContext.load_cert_chain

def spy(context, path, keyfile=None, password=None):
	seen["loaded"].append([path, os.stat(path).st_mode & 0o777, Path(path).read_bytes().decode()])
	for attempt in ("", "guess"):
		try:
			original(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path, password=attempt)
			seen["locked"].append(False)
		except (ssl.SSLError, ValueError):
			seen["locked"].append(True)
	seen["lying"] = [str(p) for p in Path(os.environ["TMPDIR"]).iterdir()]
	return original(context, path, keyfile, password)

def audit(event, arguments):
	if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
		seen["written"].append(arguments[0])

ssl.SSLContext.load_cert_chain = spy
if way == "file":
	client_tls._memory_file = lambda: None
sys.addaudithook(audit)
client_tls.client_context(chain, key)
seen["descriptors"] -= len(os.listdir("/proc/self/fd"))
seen["left"] = [str(p) for p in Path(os.environ["TMPDIR"]).iterdir()]
print(json.dumps(seen))
"""


def watched(way, folder):
	(folder / "tmp").mkdir()
	(folder / "chain.pem").write_text(CHAIN)
	(folder / "key.pem").write_text(KEY.pem())
	environment = {
		**os.environ,
		"PYTHONPATH": str(REPO),
		"TMPDIR": str(folder / "tmp"),
		"PYTHONDONTWRITEBYTECODE": "1",
	}
	command = [sys.executable, "-c", WATCH, way, str(folder / "chain.pem"), str(folder / "key.pem")]
	ran = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=120)
	assert ran.returncode == 0, ran.stderr.decode()
	return json.loads(ran.stdout)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("way", ["memory", "file"])
def test_no_readable_key_ever_is_on_a_disk(way, tmp_path):
	seen = watched(way, tmp_path)
	((path, mode, text),) = seen["loaded"]
	assert "-----BEGIN ENCRYPTED PRIVATE KEY-----" in text
	assert not any(mark.decode() in text for mark in READABLE)
	assert seen["locked"] == [True, True]
	if way == "memory":
		assert path.startswith("/proc/self/fd/") and seen["written"] == seen["lying"] == []
	else:
		assert seen["written"] == seen["lying"] == [path] and mode == 0o600
	assert seen["left"] == [] and seen["descriptors"] == 0
	for file in tmp_path.rglob("*"):
		assert not file.is_file() or not any(mark in file.read_bytes() for mark in READABLE), file


def test_the_file_goes_even_when_it_cannot_be_loaded(tmp_path, monkeypatch):
	monkeypatch.setattr(client_tls, "_memory_file", lambda: None)
	monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
	with pytest.raises(CertificateError):
		client_context(identity()[0], KEY)
	assert list(tmp_path.iterdir()) == []


def test_where_memory_files_are_refused_the_other_way_is_taken(tmp_path, monkeypatch):
	def refuse(*_):
		raise OSError("not here")

	monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
	monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
	with server() as (port, _):
		assert greet(client_context(CHAIN, KEY, SERVER_CA_PEM), port) == b"hello you"
	assert list(tmp_path.iterdir()) == []


def test_the_whole_chain_is_sent():
	"""A server that trusts only the root needs the intermediate from the client."""
	intermediate = CLIENT_CA.create_child_ca()
	chain, key = identity(intermediate)
	assert chain.count("BEGIN CERTIFICATE") == 2
	with server() as (port, seen):
		assert greet(client_context(chain, key, SERVER_CA_PEM), port) == b"hello you"
		lone = chain.partition("-----END CERTIFICATE-----\n")
		with pytest.raises((ssl.SSLError, OSError)):
			assert greet(client_context(lone[0] + lone[1], key, SERVER_CA_PEM), port) == b"hello you"
	assert isinstance(seen[1], ssl.SSLError)
