"""Authorities and certificates for tests, written apart from `bank_api.crypto` so that no mistake is shared.

Source: protocols/berlin_group_migdal.md, 6.6.
"""

import datetime as dt
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime(2026, 6, 15, 12, 0, tzinfo=dt.timezone.utc)
ROLE = {"PSP_AS": 1, "PSP_PI": 2, "PSP_AI": 3, "PSP_IC": 4}


def tlv(tag, *parts):
	content = b"".join(parts)
	size = len(content)
	if size < 128:
		return bytes([tag, size]) + content
	length = size.to_bytes((size.bit_length() + 7) // 8, "big")
	return bytes([tag, 0x80 | len(length)]) + length + content


def oid(text):
	arcs = [int(v) for v in text.split(".")]
	out = bytearray([arcs[0] * 40 + arcs[1]])
	for v in arcs[2:]:
		c = [v & 127]
		v >>= 7
		while v:
			c.append(128 | v & 127)
			v >>= 7
		out += bytes(reversed(c))
	return tlv(6, bytes(out))


def seq(*parts):
	return tlv(0x30, *parts)


def utf(text):
	return tlv(0x0C, text.encode())


def statements(kind, roles, name, identifier):
	listed = seq(*[seq(oid(f"0.4.0.19495.1.{ROLE[role]}"), utf(role)) for role in roles])
	found = [seq(oid("0.4.0.1862.1.1"))]
	if kind == "seal":
		found.append(seq(oid("0.4.0.1862.1.4")))
	found.append(seq(oid("0.4.0.1862.1.6"), seq(oid("0.4.0.1862.1.6." + ("2" if kind == "seal" else "3")))))
	found.append(seq(oid("0.4.0.19495.2"), seq(listed, utf(name), utf(identifier))))
	return seq(*found)


def name(*, cn, org="Sim TPP Ltd", org_id="PSDIL-CMA-516000001", ou=None):
	pairs = [(NameOID.COUNTRY_NAME, "IL"), (NameOID.ORGANIZATION_NAME, org)]
	pairs.append((x509.ObjectIdentifier("2.5.4.97"), org_id))
	if ou:
		pairs.append((NameOID.ORGANIZATIONAL_UNIT_NAME, ou))
	return x509.Name([x509.NameAttribute(o, v) for o, v in [*pairs, (NameOID.COMMON_NAME, cn)]])


@cache
def rsa_key(label="leaf", bits=2048):
	"""One key per label, as they take time to make."""
	return rsa.generate_private_key(65537, bits)


@cache
def ec_key(label="leaf", curve=ec.SECP256R1):
	return ec.generate_private_key(curve())


def pem(certificate):
	return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate):
	return certificate.public_bytes(serialization.Encoding.DER)


def key_pem(key, password=None, form=serialization.PrivateFormat.PKCS8):
	locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
	return key.private_bytes(serialization.Encoding.PEM, form, locked)


def builder(subject, issuer, public_key, *, since, until, serial=None):
	return (
		x509.CertificateBuilder()
		.subject_name(subject)
		.issuer_name(issuer)
		.public_key(public_key)
		.serial_number(serial or x509.random_serial_number())
		.not_valid_before(since)
		.not_valid_after(until)
	)


def usage(*, signature=False, commitment=False, authority=False):
	return x509.KeyUsage(signature, commitment, False, False, False, authority, authority, False, False)


class Authority:
	"""A certificate authority of a test.

	Args:
		label: names it.
		parent: the authority that issued its certificate; none for a root.
		days: how long its certificate holds from `NOW`.
	"""

	def __init__(self, label="Seal CA", parent=None, days=3650):
		self.key = rsa_key(f"authority {label}")
		self.parent = parent
		subject = name(cn=f"Sim {label}", org="Sim Government", org_id="NTRIL-00000000", ou="SIM")
		issuer = parent.certificate.subject if parent else subject
		start = NOW - dt.timedelta(days=3650)
		made = builder(
			subject, issuer, self.key.public_key(), since=start, until=NOW + dt.timedelta(days=days)
		)
		made = made.add_extension(x509.BasicConstraints(True, None), True)
		made = made.add_extension(usage(authority=True), True)
		made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
		signer = parent.key if parent else self.key
		self.certificate = made.sign(signer, hashes.SHA256())

	@property
	def pem(self):
		return pem(self.certificate)

	def issue(
		self,
		kind="seal",
		*,
		key=None,
		subject=None,
		roles=("PSP_AI",),
		since=NOW - dt.timedelta(days=10),
		until=NOW + dt.timedelta(days=355),
		qualified=True,
		key_usage=None,
		extended=None,
		dns=("tpp.sim.example",),
		serial=None,
	):
		"""A leaf; `kind` is `seal` or `web`, `qualified=False` leaves the ETSI statements out."""
		key = key or rsa_key()
		subject = subject or name(cn="Sim TPP Seal" if kind == "seal" else "tpp.sim.example")
		made = builder(
			subject, self.certificate.subject, key.public_key(), since=since, until=until, serial=serial
		)
		made = made.add_extension(x509.BasicConstraints(False, None), True)
		key_usage = key_usage or usage(signature=True, commitment=kind == "seal")
		made = made.add_extension(key_usage, True)
		made = made.add_extension(
			x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
		)
		if qualified:
			value = statements(kind, roles, "Sim Capital Market Authority", "IL-CMA")
			made = made.add_extension(
				x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"), value), False
			)
		if extended is None and kind == "web":
			extended = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
		if extended:
			made = made.add_extension(x509.ExtendedKeyUsage(extended), False)
		if kind == "web":
			made = made.add_extension(
				x509.SubjectAlternativeName([x509.DNSName(host) for host in dns]), False
			)
		return made.sign(self.key, hashes.SHA256())
