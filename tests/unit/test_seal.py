"""Seals: against HMAC-SHA256 as the standard library and `cryptography` have it, and against every small change."""

import base64
import re

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import assume, given
from hypothesis import strategies as st

from bank_api.crypto import seal
from bank_api.crypto.secret import Secret

KEY = seal.derive(Secret("site key"), "links")
FIELDS = st.lists(st.text(max_size=20), min_size=1, max_size=5)


def test_a_seal_is_hmac_sha256_over_fields_with_their_lengths():
	digest = HMAC(KEY.reveal().encode(), hashes.SHA256())
	digest.update(b"\0\0\0\2" + b"\0" * 7 + b"\2ab" + b"\0" * 7 + b"\2\xc3\xa9")
	expected = base64.urlsafe_b64encode(digest.finalize()).decode().rstrip("=")
	assert seal.seal(KEY, "ab", "é") == expected


def test_a_derived_key_is_hmac_of_its_purpose():
	digest = HMAC(b"site key", hashes.SHA256())
	digest.update(b"bank_api\0links")
	assert KEY.reveal() == digest.finalize().hex()
	assert seal.derive(Secret("site key"), "forms") != KEY
	assert "site key" not in repr(KEY)


@given(FIELDS)
def test_a_seal_fits_its_own_fields_and_is_plain_text(fields):
	found = seal.seal(KEY, *fields)
	assert re.fullmatch(r"[A-Za-z0-9_-]{43}", found)
	assert seal.fits(KEY, found, *fields)
	assert not seal.fits(seal.derive(Secret("site key"), "other"), found, *fields)


@given(FIELDS, FIELDS)
def test_other_fields_have_another_seal_however_they_are_joined(first, second):
	assume(first != second)
	assert not seal.fits(KEY, seal.seal(KEY, *first), *second)


@given(FIELDS, st.text(max_size=60))
def test_nothing_else_fits(fields, given_text):
	assume(given_text != seal.seal(KEY, *fields))
	assert not seal.fits(KEY, given_text, *fields)


def test_another_spelling_of_the_same_bytes_does_not_fit():
	"""The last character holds two bits that mean nothing: a decoder would not see them change."""
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	found = seal.seal(KEY, "x")
	place = alphabet.index(found[-1])
	other = found[:-1] + alphabet[place ^ 1]
	assert base64.urlsafe_b64decode(found + "=") == base64.urlsafe_b64decode(other + "=")
	assert not seal.fits(KEY, other, "x") and not seal.fits(KEY, found + "=", "x")
