"""Private keys: what is taken, what is refused, and that they show themselves nowhere."""

import copy
import pickle
import traceback
from hashlib import sha256

import pytest
from certificate_factory import ec_key, key_pem, rsa_key
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
	Encoding,
	NoEncryption,
	PrivateFormat,
	PublicFormat,
	load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bank_api.crypto import keys
from bank_api.crypto.errors import CertificateError
from bank_api.crypto.keys import PrivateKey, parsed

RSA_PEM = key_pem(rsa_key()).decode()


def refusal(text, passphrase=None):
	with pytest.raises(CertificateError) as caught:
		PrivateKey.from_pem(text, passphrase)
	return caught.value.code


@pytest.mark.parametrize(
	("arguments", "label"),
	[(("RSA", 2048), "RSA 2048"), (("RSA",), "RSA 3072"), (("P-256",), "P-256")],
)
def test_fresh_keys(arguments, label):
	key = PrivateKey.generate(*arguments)
	assert key.label == label
	again = PrivateKey.from_pem(key.pem())
	assert again.fingerprint == key.fingerprint != PrivateKey.generate("P-256").fingerprint
	public = key.native.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
	assert key.fingerprint == sha256(public).hexdigest()
	assert key.pem().startswith("-----BEGIN PRIVATE KEY-----\n")


@pytest.mark.parametrize("arguments", [("RSA", 1024), ("RSA", 2047), ("RSA", 16384), ("P-384",), ("",)])
def test_kinds_that_are_not_made(arguments):
	with pytest.raises(CertificateError) as caught:
		PrivateKey.generate(*arguments)
	assert caught.value.code == "key_kind"


@pytest.mark.parametrize("key", [rsa_key(), ec_key()], ids=["RSA", "P-256"])
def test_every_form_is_read(key):
	fingerprint = PrivateKey(key).fingerprint
	for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
		assert PrivateKey.from_pem(key_pem(key, form=form).decode()).fingerprint == fingerprint
		locked = key_pem(key, b"s\xc3\xa9same", form).decode()
		assert PrivateKey.from_pem(locked, "sésame").fingerprint == fingerprint
		assert refusal(locked) == "key_password"
		assert refusal(locked, "open") == "key_password"
	assert (
		PrivateKey.from_pem("Bag Attributes\n\n" + key_pem(key).decode(), "unneeded").fingerprint
		== fingerprint
	)
	data = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
	assert keys.load(data).fingerprint == fingerprint


def test_an_encrypted_text_opens_only_with_its_passphrase():
	key = PrivateKey(rsa_key())
	locked = key.encrypted_pem(b"passphrase")
	assert locked.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
	assert load_pem_private_key(locked, b"passphrase").private_numbers() == rsa_key().private_numbers()
	with pytest.raises(ValueError):
		load_pem_private_key(locked, b"Passphrase")


def test_kinds_that_are_not_taken():
	for key in (
		rsa_key("weak", 1024),
		ec_key("other curve", ec.SECP384R1),
		ed25519.Ed25519PrivateKey.generate(),
	):
		assert refusal(key_pem(key).decode()) == "key_kind"


@pytest.mark.parametrize(
	"text",
	[
		"",
		"no key",
		"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----",
		"-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----",
		RSA_PEM[:200],
		RSA_PEM.replace("MII", "MIJ", 1),
		RSA_PEM + "x" * 70000,
	],
)
def test_what_is_no_key(text):
	assert refusal(text) == "key_unreadable"


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 1200))
def test_no_bytes_break_the_reader(noise, at):
	text = RSA_PEM.encode()
	for data in (noise, text[:at] + noise + text[at + len(noise) :]):
		assert isinstance(keys.load(data), PrivateKey | CertificateError)


@pytest.mark.parametrize(("name", "algorithm"), [("sha256", SHA256()), ("sha512", SHA512())])
def test_signatures(name, algorithm):
	signature = PrivateKey(rsa_key()).sign(b"text", name)
	rsa_key().public_key().verify(signature, b"text", padding.PKCS1v15(), algorithm)
	signature = PrivateKey(ec_key()).sign(b"text", name)
	ec_key().public_key().verify(signature, b"text", ec.ECDSA(algorithm))


def test_a_key_shows_itself_nowhere():
	key = PrivateKey(rsa_key())
	assert repr(key) == str(key) == f"{key}" == "PrivateKey(RSA 2048, ***)"
	for leak in (pickle.dumps, copy.copy, copy.deepcopy):
		with pytest.raises(TypeError, match="pickled"):
			leak(key)


@pytest.mark.parametrize("read", [lambda text: PrivateKey.from_pem(text, "wrong"), parsed])
def test_no_frame_of_an_error_holds_the_text(read):
	"""An error report shows the local variables of every frame; the caller's own are its own business."""
	locked = key_pem(rsa_key(), b"right").decode()
	try:
		read(locked)
	except CertificateError as error:
		assert error.__context__ is None and error.__cause__ is None
		frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
	inside = [frame for frame in frames if frame.f_code.co_filename == keys.__file__]
	assert inside
	shown = "".join(repr(value) for frame in inside for value in frame.f_locals.values())
	assert locked[60:90] not in shown and "wrong" not in shown


def test_a_key_is_parsed_once():
	text = key_pem(ec_key("parsed once")).decode()
	assert parsed(text) is parsed(text)
	with pytest.raises(CertificateError):
		parsed("nothing")


def test_the_cache_is_bounded_and_holds_no_text():
	texts = [PrivateKey.generate("P-256").pem() for _ in range(keys._MAX_PARSED + 5)]
	for text in texts:
		parsed(text)
	assert len(keys._parsed) <= keys._MAX_PARSED
	assert parsed(texts[-1]) is parsed(texts[-1])
	assert all(isinstance(name, bytes) and len(name) == 32 for name in keys._parsed)
