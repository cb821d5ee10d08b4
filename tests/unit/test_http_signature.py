"""Message signatures against this project's vectors, published ones, OpenSSL and a library of others."""

import base64
import hashlib
import hmac
import shutil
import subprocess

import pytest
from certificate_factory import Authority, ec_key, key_pem, name, rsa_key
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import example, given
from hypothesis import strategies as st
from signature_vectors import (
	CERTIFICATE,
	KEY,
	KEY_ID,
	PUBLISHED,
	PUBLISHED_KEY,
	V1_BODY,
	V1_SHA256_SIGNATURE,
	V1_SHA512_SIGNATURE,
	V1_STRING,
	V2_SIGNATURE,
	V2_STRING,
	V3_SIGNATURE,
	V3_STRING,
)

from bank_api.crypto.certificate import read_der
from bank_api.crypto.certificates import from_header, read_bundle
from bank_api.crypto.errors import SignatureError
from bank_api.crypto.http_signature import (
	NAMES,
	KeyIdStyle,
	SignatureScheme,
	digest,
	key_id,
	parse,
	same_key_id,
	sign_request,
	signing_string,
	verify,
)
from bank_api.crypto.keys import PrivateKey

SIGNER = PrivateKey.from_pem(KEY)
LEAF = read_bundle(CERTIFICATE.encode()).chain[0]
AS_ILSDK = ("x-request-id", "digest", "consent-id", "psu-ip-address")
V1_HEADERS = {
	"Content-Type": "application/json",
	"X-Request-ID": "99391c7e-ad88-49ec-a2ad-99ddcb1f7721",
	"PSU-ID": "999888777",
	"PSU-Corporate-ID": "520004896",
	"PSU-IP-Address": "192.0.2.10",
	"TPP-Redirect-URI": "https://tpp.sim.example/cb",
}
V2_HEADERS = {"X-Request-ID": "1a2b3c4d-0000-4000-8000-000000000002", "Accept": "application/json"}
V3_HEADERS = {
	"X-Request-ID": "1a2b3c4d-0000-4000-8000-000000000003",
	"Consent-ID": "c0ffee00-0000-4000-8000-000000000001",
	"PSU-IP-Address": "192.0.2.10",
	"Authorization": "Bearer x",
}
VECTORS = {
	"V1": (V1_HEADERS, V1_BODY, V1_STRING, SignatureScheme(), NAMES, V1_SHA256_SIGNATURE),
	"V1 sha512": (
		V1_HEADERS,
		V1_BODY,
		V1_STRING,
		SignatureScheme(algorithm="rsa-sha512"),
		NAMES,
		V1_SHA512_SIGNATURE,
	),
	"V2": (V2_HEADERS, b"", V2_STRING, SignatureScheme(), NAMES, V2_SIGNATURE),
	"V3": (V3_HEADERS, b"", V3_STRING, SignatureScheme(read_names=AS_ILSDK), AS_ILSDK, V3_SIGNATURE),
}
EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
BRACES = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


def signed(headers=V1_HEADERS, body=V1_BODY, **changes):
	"""A request's headers with its signature, for a test to spoil."""
	given = {"signer": SIGNER, "certificate": LEAF, "scheme": SignatureScheme(), **changes}
	return {**headers, **sign_request(headers, body, **given)}


def refusal(headers, body=V1_BODY, **how):
	with pytest.raises(SignatureError) as caught:
		verify(headers, body, **how)
	return caught.value.code


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_own_vectors_byte_for_byte(vector):
	headers, body, string, scheme, names, signature = vector
	made = sign_request(headers, body, signer=SIGNER, certificate=LEAF, scheme=scheme, names=names)
	listed = " ".join(line.partition(":")[0] for line in string.splitlines())
	assert made == {
		"Digest": digest(body),
		"TPP-Signature-Certificate": "".join(CERTIFICATE.splitlines()[1:-1]),
		"Signature": (
			f'keyId="{KEY_ID}",algorithm="{scheme.algorithm}",headers="{listed}",signature="{signature}"'
		),
	}
	assert signing_string(listed.split(), {**headers, **made}) == string.encode()
	assert verify({**headers, **made}, body).headers == tuple(listed.split())


def test_fixed_digests():
	assert len(V1_BODY) == 361
	assert digest(V1_BODY) == "SHA-256=MNWiJD4fQHOmf5z55K15IGoNjsp9YffRgbmV3MR+wTk="
	assert digest(b"") == f"SHA-256={EMPTY}"
	assert digest(b"", "SHA-512") == (
		"SHA-512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
	)
	assert digest(b'{"hello": "world"}') == "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="


@pytest.mark.parametrize(("listed", "algorithm", "signature"), PUBLISHED)
def test_published_vectors_of_the_draft(listed, algorithm, signature):
	headers = {
		"(request-target)": "post /foo?param=value&pet=dog",
		"Host": "example.org",
		"Date": "Thu, 05 Jan 2012 21:31:40 GMT",
	}
	key = load_der_public_key(base64.b64decode(PUBLISHED_KEY))
	algorithm = {"rsa-sha256": SHA256(), "rsa-sha512": SHA512()}[algorithm]
	string = signing_string(listed.split(), headers)
	key.verify(base64.b64decode(signature), string, padding.PKCS1v15(), algorithm)


def test_published_hmac_vector_of_the_signing_string():
	headers = {
		"Digest": "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
		"Date": "Tue, 07 Jun 2014 20:51:35 GMT",
		"(request-target)": "get /foo/Bar",
	}
	string = signing_string(["digest", "date", "(request-target)"], headers)
	made = hmac.new(b"don't tell", string, hashlib.sha256).digest()
	assert base64.b64encode(made).decode() == "6aq7lLvqJlYRhEBkvl0+qMuSbMyxalPICsBh1qV6V/s="


def test_the_signing_string_trims_joins_and_lowers():
	headers = {"X-ONE": " \ta b\t ", "x-Two": ["1 ", " 2"], "X-Three": ""}
	assert signing_string(["x-two", "X-One", "x-three"], headers) == b"x-two: 1, 2\nx-one: a b\nx-three: "
	assert signing_string(["x-one"], {"X-One": "הלוואה"}) == "x-one: הלוואה".encode()


@pytest.mark.parametrize("value", ["a\nb: c", "a\rb", "a\0b"])
def test_a_line_break_cannot_slip_into_the_signing_string(value):
	with pytest.raises(SignatureError, match="line break") as caught:
		signed({**V1_HEADERS, "PSU-ID": value})
	assert caught.value.code == "header_invalid"


def test_a_request_id_is_not_optional():
	headers = {k: v for k, v in V1_HEADERS.items() if k != "X-Request-ID"}
	with pytest.raises(SignatureError) as caught:
		signed(headers)
	assert caught.value.code == "header_missing"


SERIAL = "394E517E00D3645F04A08F1609C13FC2F1240001"
RENDERINGS = {
	KeyIdStyle.PERCENT_SPACES: KEY_ID,
	KeyIdStyle.RAW: (
		f"SN={SERIAL},CA=CN=Sim-OpenBankingIL Seal CA,OU=SIM-OBCA,2.5.4.97=NTRIL-00000000,O=Sim Government,C=IL"
	),
	KeyIdStyle.PERCENT_ALL: (
		f"SN%3D{SERIAL}%2CCA%3DCN%3DSim-OpenBankingIL%20Seal%20CA%2C%20OU%3DSIM-OBCA%2C%20"
		"2.5.4.97%3DNTRIL-00000000%2C%20O%3DSim%20Government%2C%20C%3DIL"
	),
	KeyIdStyle.RFC2253: (
		f"SN={SERIAL.lower()},CA=CN=Sim-OpenBankingIL%20Seal%20CA,OU=SIM-OBCA,"
		"2.5.4.97=#0c0e4e5452494c2d3030303030303030,O=Sim%20Government,C=IL"
	),
	KeyIdStyle.RFC1779: (
		f"SN={SERIAL},CA=CN=Sim-OpenBankingIL Seal CA, OU=SIM-OBCA, OID.2.5.4.97=NTRIL-00000000, "
		"O=Sim Government, C=IL"
	),
	KeyIdStyle.OPENSSL: (
		f"SN={SERIAL},CA=CN=Sim-OpenBankingIL Seal CA,OU=SIM-OBCA,"
		"organizationIdentifier=NTRIL-00000000,O=Sim Government,C=IL"
	),
}


@pytest.mark.parametrize("style", KeyIdStyle)
def test_key_id_styles(style):
	made = key_id(LEAF, style)
	assert made == RENDERINGS[style]
	assert same_key_id(made, LEAF)
	assert [other for other in KeyIdStyle if same_key_id(made, LEAF, other)] == [style]
	assert verify(signed(scheme=SignatureScheme(key_id_style=style)), V1_BODY).key_id == made


@pytest.mark.parametrize(
	"text",
	[
		KEY_ID.replace("SN=", "sn=00").replace(",CA=", ", ca = "),
		KEY_ID.replace("2.5.4.97", "organisationIdentifier"),
		KEY_ID.replace(",", " ; ").replace(" ; CA", ",CA", 1),
		f"SN={SERIAL},CA=C=IL,O=Sim Government,organizationIdentifier=NTRIL-00000000,OU=SIM-OBCA,"
		"CN=Sim-OpenBankingIL Seal CA",
		f'SN={SERIAL},CA=CN="Sim-OpenBankingIL Seal CA", OU=SIM-OBCA, 2.5.4.97=NTRIL-00000000, O=Sim\\20Government, c=IL',
	],
)
def test_other_writings_of_the_same_key_id(text):
	assert same_key_id(text, LEAF)
	assert not any(same_key_id(text, LEAF, style) for style in KeyIdStyle)


@pytest.mark.parametrize(
	"text",
	[
		"",
		"SN=1,CA=",
		KEY_ID.replace("F1240001", "F1240002"),
		KEY_ID.replace("Seal", "Web"),
		KEY_ID.replace(",C=IL", ""),
		KEY_ID.replace("C=IL", "C=FR"),
		KEY_ID.replace("O=", "L="),
		KEY_ID.replace("OU=SIM-OBCA", "OU=SIM-OBCA+OU=X"),
		KEY_ID.replace("%20", "%2520"),
		KEY_ID.replace("OU=SIM-OBCA,2.5.4.97=NTRIL-00000000", "2.5.4.97=NTRIL-00000000,OU=SIM-OBCA"),
		KEY_ID + ",",
		KEY_ID + "\\",
		"SN=" + "0" * 65 + SERIAL + KEY_ID[43:],
		KEY_ID.replace("NTRIL-00000000", "#0c0e4e5452494c2d3030303030303031"),
		KEY_ID + " " * 5000,
	],
)
def test_other_key_ids_are_refused(text):
	assert not same_key_id(text, LEAF)


def test_a_key_id_fits_a_quoted_header_whatever_the_issuer_is_called():
	authority = Authority("Seal CA")
	subject = name(cn='Sim "best", רשות \\ 100%', org="A+B; <C>", ou=" #x ")
	authority.certificate = type("Named", (), {"subject": subject})()
	leaf = read_der(authority.issue(serial=0x0A1B).public_bytes(Encoding.DER))
	for style in KeyIdStyle:
		made = key_id(leaf, style)
		assert made.isascii() and made.isprintable() and '"' not in made and "\\" not in made
		assert same_key_id(made, leaf), made
		assert parse(f'keyId="{made}",algorithm="a",headers="b",signature="QQ=="').key_id == made


# --- verifying -------------------------------------------------------------------------------------------------


def test_an_untouched_request_holds():
	assert verify(signed(), V1_BODY).algorithm == "rsa-sha256"
	assert verify(signed(scheme=SignatureScheme(digest="SHA-512")), V1_BODY)


@pytest.mark.parametrize("name", ["X-Request-ID", "PSU-ID", "PSU-Corporate-ID", "TPP-Redirect-URI"])
def test_each_signed_header_is_protected(name):
	headers = signed()
	assert refusal({**headers, name: headers[name] + "1"}) == "signature_mismatch"
	without = {k: v for k, v in headers.items() if k != name}
	assert refusal(without) in ("header_missing", "header_not_signed")


@given(st.integers(0, len(V1_BODY) - 1), st.integers(0, 7))
def test_each_bit_of_the_body_is_protected(at, bit):
	body = bytearray(V1_BODY)
	body[at] ^= 1 << bit
	assert refusal(signed(), bytes(body)) == "digest_mismatch"


@given(st.integers(0, 255), st.integers(0, 7))
def test_each_bit_of_the_signature_counts(at, bit):
	headers = signed()
	raw = bytearray(base64.b64decode(V1_SHA256_SIGNATURE))
	raw[at] ^= 1 << bit
	forged = headers["Signature"].replace(V1_SHA256_SIGNATURE, base64.b64encode(raw).decode())
	assert refusal({**headers, "Signature": forged}) == "signature_mismatch"


def test_the_digest_of_braces_is_not_that_of_an_empty_body():
	headers = signed(V2_HEADERS, b"{}")
	assert headers["Digest"] == f"SHA-256={BRACES}"
	assert refusal(headers, b"") == "digest_mismatch"


@pytest.mark.parametrize(
	("value", "code"),
	[
		("", "digest_missing"),
		("MD5=abc", "digest_mismatch"),
		("SHA-256=", "digest_mismatch"),
		("SHA-256=not base64", "digest_mismatch"),
		(f"SHA-256={EMPTY}", "digest_mismatch"),
		(f"SHA-256=MNWiJD4fQHOmf5z55K15IGoNjsp9YffRgbmV3MR+wTk=,SHA-512={EMPTY}", "digest_mismatch"),
	],
)
def test_wrong_digests(value, code):
	assert refusal({**signed(), "Digest": value}) == code


def resigned(string, listed="digest x-request-id psu-id psu-corporate-id tpp-redirect-uri", key=SIGNER):
	"""V1 with a signature over another string."""
	headers = signed()
	signature = base64.b64encode(key.sign(string.encode(), "sha256")).decode()
	headers["Signature"] = (
		f'keyId="{KEY_ID}",algorithm="rsa-sha256",headers="{listed}",signature="{signature}"'
	)
	return headers


def test_wrong_strings_and_keys():
	lines = V1_STRING.splitlines()
	assert verify(resigned(V1_STRING), V1_BODY)
	assert refusal(resigned(V1_STRING + "\n")) == "signature_mismatch"
	assert refusal(resigned(V1_STRING.replace("\n", "\r\n"))) == "signature_mismatch"
	assert refusal(resigned("\n".join([lines[1], lines[0], *lines[2:]]))) == "signature_mismatch"
	assert refusal(resigned(V1_STRING, key=PrivateKey(rsa_key("transport")))) == "signature_mismatch"


@pytest.mark.parametrize("dropped", NAMES)
def test_a_header_that_must_be_signed_is(dropped):
	lines = [line for line in V1_STRING.splitlines() if not line.startswith(f"{dropped}:")]
	listed = " ".join(line.partition(":")[0] for line in lines)
	assert refusal(resigned("\n".join(lines), listed)) == "header_not_signed"


def test_missing_parts():
	headers = signed()
	codes = {"Signature": "signature_missing", "Digest": "digest_missing"}
	codes["TPP-Signature-Certificate"] = "certificate_missing"
	for header, code in codes.items():
		assert refusal({k: v for k, v in headers.items() if k != header}) == code
	assert refusal({**headers, "TPP-Signature-Certificate": "####"}) == "certificate_unreadable"


def test_the_certificate_counts():
	other = read_der(Authority().issue().public_bytes(Encoding.DER))
	headers = signed()
	assert refusal({**headers, "TPP-Signature-Certificate": other.header_text}) == "key_id_mismatch"
	assert refusal(headers, certificate=other) == "key_id_mismatch"
	assert verify({**headers, "TPP-Signature-Certificate": "-"}, V1_BODY, certificate=LEAF)


def test_the_certificate_header_with_its_frame_left_in():
	assert from_header(CERTIFICATE).der == LEAF.der
	assert from_header(CERTIFICATE.replace("\n", " ")).der == LEAF.der


def test_the_algorithm_has_to_fit_the_key():
	forged = signed()["Signature"].replace("rsa-sha256", "{}")
	for algorithm in ("ecdsa-sha256", "rsa-sha1", "hmac-sha256", "none"):
		assert refusal({**signed(), "Signature": forged.format(algorithm)}) == "algorithm"
	for algorithm in ("RSA-SHA256", "SHA256withRSA"):
		assert verify({**signed(), "Signature": forged.format(algorithm)}, V1_BODY)
	with pytest.raises(SignatureError) as caught:
		signed(scheme=SignatureScheme(algorithm="ecdsa-sha256"))
	assert caught.value.code == "key_kind"


def test_a_p_256_key_signs_too():
	leaf = read_der(Authority().issue(key=ec_key()).public_bytes(Encoding.DER))
	scheme = SignatureScheme(algorithm="ecdsa-sha256")
	headers = signed(signer=PrivateKey(ec_key()), certificate=leaf, scheme=scheme)
	assert verify(headers, V1_BODY).algorithm == "ecdsa-sha256"
	assert refusal({**headers, "PSU-ID": "1"}) == "signature_mismatch"


@pytest.mark.parametrize(
	"wrong",
	[
		{"algorithm": "rsa-sha1"},
		{"digest": "MD5"},
		{"names": ("digest",)},
		{"read_names": ("x-request-id", "psu-id")},
		{"names": ("digest", "digest", "x-request-id")},
		{"names": ("Digest", "x-request-id")},
		{"names": ("digest", "x-request-id", "psu id")},
	],
)
def test_a_scheme_that_cannot_be(wrong):
	with pytest.raises(SignatureError) as caught:
		SignatureScheme(**wrong)
	assert caught.value.code == "scheme"


# --- the header ------------------------------------------------------------------------------------------------


def test_the_sample_of_the_standard_with_its_blanks():
	parsed = parse(
		'keyId="SN=9FA1,CA=CN=D-TRUST%20CA%202-1%202015,O=D-Trust%20GmbH,C=DE", algorithm="rsa-sha256", '
		'headers="Digest X-Request-ID PSU-ID TPP-Redirect-URI Date", signature=QUJD'
	)
	assert parsed.key_id == "SN=9FA1,CA=CN=D-TRUST%20CA%202-1%202015,O=D-Trust%20GmbH,C=DE"
	assert parsed.headers == ("digest", "x-request-id", "psu-id", "tpp-redirect-uri", "date")
	assert parsed.signature == b"ABC"


@pytest.mark.parametrize(
	"header",
	[
		"",
		",",
		"Signature",
		'keyId="a"',
		'keyId="a",algorithm="b",headers="",signature="QQ=="',
		'keyId="a",algorithm="b",headers="c c",signature="QQ=="',
		'keyId="a",algorithm="b",headers="c  d",signature="QQ=="',
		'keyId="a",algorithm="b",headers="c",signature="Q"',
		'keyId="a",algorithm="b",headers="c",signature="ק"',
		'keyId="a",algorithm="b",headers="c",signature="QQ==",',
		'keyId="a",algorithm="b",headers="c",signature="QQ==" x',
		'keyId="a",keyid="a",algorithm="b",headers="c",signature="QQ=="',
		'keyId="a,algorithm="b",headers="c",signature="QQ=="',
		'keyId="' + "a" * 20000 + '",algorithm="b",headers="c",signature="QQ=="',
	],
)
def test_malformed_headers(header):
	with pytest.raises(SignatureError) as caught:
		parse(header)
	assert caught.value.code == "signature_malformed"


@given(st.text(alphabet='keyId="a,\\ signature=headers\n\0é', max_size=200) | st.text(max_size=200))
@example('a="' + "\\" * 2000)
@example('"' * 3000)
def test_no_header_breaks_the_parser(header):
	try:
		parse(header)
	except SignatureError:
		pass


@given(
	st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1),
	st.lists(
		st.sampled_from(["digest", "x-request-id", "date", "(request-target)"]), min_size=1, unique=True
	),
	st.binary(min_size=1, max_size=600),
	st.permutations([0, 1, 2, 3]),
	st.sampled_from([",", ", ", " , "]),
)
def test_what_is_written_is_read_back(key, names, signature, order, comma):
	encoded = base64.b64encode(signature).decode()
	elements = [
		f'keyId="{key}"',
		'algorithm="rsa-sha256"',
		f'headers="{" ".join(names)}"',
		f'signature="{encoded}"',
	]
	parsed = parse(comma.join(elements[at] for at in order))
	assert (parsed.key_id, parsed.headers, parsed.signature) == (key, tuple(names), signature)


header_values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)


@given(
	st.fixed_dictionaries(
		{"X-Request-ID": header_values},
		optional={
			"PSU-ID": header_values,
			"PSU-Corporate-ID": header_values,
			"TPP-Redirect-URI": header_values,
		},
	),
	st.binary(max_size=300),
	st.sampled_from(["rsa-sha256", "rsa-sha512"]),
	st.sampled_from(["SHA-256", "SHA-512"]),
	st.sampled_from(KeyIdStyle),
)
def test_any_signed_request_holds(headers, body, algorithm, hashed, style):
	scheme = SignatureScheme(algorithm=algorithm, digest=hashed, key_id_style=style)
	parsed = verify(signed(headers, body, scheme=scheme), body, strict_style=style)
	assert set(parsed.headers) == {"digest", *(name.lower() for name in headers)}


# --- others agree ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_another_library_signs_and_verifies_the_same(vector):
	"""`pyhttpsig` with PyCryptodome underneath: neither the string nor the RSA shares code with ours."""
	httpsig = pytest.importorskip("httpsig")
	headers, body, _, scheme, names, signature = vector
	made = sign_request(headers, body, signer=SIGNER, certificate=LEAF, scheme=scheme, names=names)
	listed = list(parse(made["Signature"]).headers)
	name = KEY_ID.replace("%", "%%")  # it puts the signature in with the % operator
	theirs = httpsig.HeaderSigner(
		name, KEY, algorithm=scheme.algorithm, headers=listed, sign_header="signature"
	).sign({**headers, **made})
	assert parse(theirs["signature"]) == parse(made["Signature"])
	assert parse(theirs["signature"]).signature == base64.b64decode(signature)
	assert verify({**headers, **made, "Signature": theirs["signature"]}, body)
	public = LEAF.native.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
	received = {**headers, **made}
	judge = httpsig.HeaderVerifier(received, public, required_headers=listed, sign_header="signature")
	assert judge.verify()
	received["X-Request-ID"] += "0"
	judge = httpsig.HeaderVerifier(received, public, required_headers=listed, sign_header="signature")
	assert not judge.verify()


@needs_openssl
@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_openssl_verifies_and_signs_the_same(vector, tmp_path):
	headers, body, string, scheme, names, _ = vector
	made = sign_request(headers, body, signer=SIGNER, certificate=LEAF, scheme=scheme, names=names)
	signature = parse(made["Signature"]).signature
	(tmp_path / "key.pem").write_text(KEY)
	(tmp_path / "leaf.pem").write_text(CERTIFICATE)
	(tmp_path / "signature").write_bytes(signature)
	run = lambda *words, data=b"": subprocess.run(  # noqa: E731
		["openssl", *words], input=data, capture_output=True, cwd=tmp_path, timeout=60
	)
	(tmp_path / "public.pem").write_bytes(run("x509", "-in", "leaf.pem", "-pubkey", "-noout").stdout)
	flag = "-" + scheme.algorithm.removeprefix("rsa-")
	judged = run("dgst", flag, "-verify", "public.pem", "-signature", "signature", data=string.encode())
	assert (judged.returncode, judged.stdout) == (0, b"Verified OK\n")
	assert run("dgst", flag, "-verify", "public.pem", "-signature", "signature", data=b"x").returncode
	assert run("dgst", flag, "-sign", "key.pem", data=string.encode()).stdout == signature
	body_digest = run("dgst", "-sha256", "-binary", data=body).stdout
	assert made["Digest"] == "SHA-256=" + base64.b64encode(body_digest).decode()


@needs_openssl
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_openssl_verifies_ecdsa(hash_name, tmp_path):
	key = PrivateKey(ec_key())
	(tmp_path / "key.pem").write_bytes(key_pem(ec_key()))
	(tmp_path / "signature").write_bytes(key.sign(b"text", hash_name))
	command = ["openssl", "dgst", f"-{hash_name}", "-prverify", "key.pem", "-signature", "signature"]
	assert (
		subprocess.run(command, input=b"text", cwd=tmp_path, capture_output=True, timeout=60).returncode == 0
	)
	assert subprocess.run(command, input=b"Text", cwd=tmp_path, capture_output=True, timeout=60).returncode
