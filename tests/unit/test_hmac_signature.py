"""Signatures of inbound webhooks, against the RFC's vector and OpenSSL as the second implementation."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank_api.crypto.hmac_signature import MAX_HEADER_LENGTH, MAX_SIGNATURES, sign, verify

BODY = b'{"content":{"item_id":1234567890},"timestamp":1611681789,"type":"TEST_EVENT"}'
SECRET = "wh_3f1c"


def openssl(body: bytes, secret: str) -> str:
	command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{secret.encode().hex()}"]
	answer = subprocess.run(command, input=body, capture_output=True, check=True).stdout.decode()
	return answer.rpartition("= ")[2].strip()


def test_rfc_4231_test_case_2():
	digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	body, secret = b"what do ya want for nothing?", "Jefe"
	assert sign(body, secret).lower() == digest
	assert verify(body, f"v1={digest}", [secret])


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
@pytest.mark.parametrize(
	("body", "secret"),
	[
		(BODY, SECRET),
		(b"", "k"),
		('{"name":"Caf\u00e9 \U0001f600"}'.encode(), "cl\u00e9 secr\u00e8te"),
		(b"\x00\xff" * 100, "x" * 200),
	],
)
def test_openssl_signs_the_same(body, secret):
	theirs = openssl(body, secret)
	assert sign(body, secret) == theirs.upper()
	assert verify(body, f"v1={theirs.upper()}", [secret])


@pytest.mark.parametrize("shape", ["v1={0}", " v1={0} ", "v1=0,v1={0}", "v0=00, v1={0}", "v1={1}, v1={0}"])
def test_accepts_any_v1_signature_of_the_header(shape):
	header = shape.format(sign(BODY, SECRET), sign(BODY, "another"))
	assert verify(BODY, header, [SECRET])


def test_letter_case_of_the_digest_does_not_matter():
	assert verify(BODY, "v1=" + sign(BODY, SECRET).lower(), [SECRET])
	assert verify(BODY, "v1=" + sign(BODY, SECRET).upper(), [SECRET])


def test_rotation_accepts_either_secret():
	for signer in ("old", "new"):
		assert verify(BODY, f"v1={sign(BODY, signer)}", ["new", "old"])
	assert not verify(BODY, f"v1={sign(BODY, 'older')}", ["new", "old"])


@pytest.mark.parametrize(
	"header",
	[
		None,
		"",
		"v1=",
		"v1",
		"=,=,",
		sign(BODY, SECRET),
		"v0=" + sign(BODY, SECRET),
		"v2=" + sign(BODY, SECRET),
		"V1=" + sign(BODY, SECRET),
		"v1 =" + sign(BODY, SECRET),
		"v1= " + sign(BODY, SECRET),
		"t=1611681789;v1=" + sign(BODY, SECRET),
		"v1=" + sign(BODY, SECRET)[:-1],
		"v1=" + sign(BODY, SECRET) + "0",
		"v1=" + "\u0660" * 64,
		"v1=" + "g" * 64,
	],
	ids=repr,
)
def test_anything_else_is_refused(header):
	assert verify(BODY, header, [SECRET]) is False


def test_a_trailing_newline_within_the_header_is_stripped_like_any_blank():
	assert verify(BODY, "v1=" + sign(BODY, SECRET) + " ,", [SECRET])


def test_no_secret_and_empty_secrets_match_nothing():
	assert not verify(BODY, f"v1={sign(BODY, '')}", [])
	assert not verify(BODY, f"v1={sign(BODY, '')}", ["", ""])


def test_a_header_of_thousands_of_signatures_costs_nothing():
	good = f"v1={sign(BODY, SECRET)}"
	bad = f"v1={'0' * 64}"
	assert not verify(BODY, ",".join([bad] * MAX_SIGNATURES + [good]), [SECRET])
	assert not verify(BODY, good + "," * MAX_HEADER_LENGTH, [SECRET])


@given(
	st.binary(max_size=300),
	st.text(min_size=1, max_size=40, alphabet=st.characters(exclude_categories=["Cs"])),
)
def test_every_signature_verifies_and_only_over_its_own_bytes(body, secret):
	header = f"v1={sign(body, secret)}"
	assert verify(body, header, [secret])
	assert not verify(body + b" ", header, [secret])
	assert not verify(body, header, [secret + "x"])


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_no_header_raises(header):
	assert verify(BODY, header, [SECRET]) is False


@given(st.integers(0, len(BODY) * 8 - 1))
def test_one_flipped_bit_is_noticed(bit):
	body = bytearray(BODY)
	body[bit // 8] ^= 1 << bit % 8
	assert not verify(bytes(body), f"v1={sign(BODY, SECRET)}", [SECRET])
