"""The qcStatements extension of PSD2 certificates: what kind of certificate, which roles, whose authorisation.

ETSI TS 119 495, section 5.1 and annex A, over ETSI EN 319 412-5, section 4 (berlin_group_migdal.md, 6.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bank_api.crypto import der

EXTENSION = "1.3.6.1.5.5.7.1.3"

COMPLIANCE = "0.4.0.1862.1.1"
DEVICE = "0.4.0.1862.1.4"
TYPE = "0.4.0.1862.1.6"
PSD2 = "0.4.0.19495.2"

ROLES = {
	"PSP_AS": "0.4.0.19495.1.1",
	"PSP_PI": "0.4.0.19495.1.2",
	"PSP_AI": "0.4.0.19495.1.3",
	"PSP_IC": "0.4.0.19495.1.4",
}
TYPES = {"seal": "0.4.0.1862.1.6.2", "web": "0.4.0.1862.1.6.3"}
MAX_NAME = 256

_ROLE_NAMES = {number: name for name, number in ROLES.items()}
_TYPE_NAMES = {number: name for name, number in TYPES.items()}


@dataclass(frozen=True, slots=True)
class QcStatements:
	"""What the statements of a certificate say, as far as it matters here.

	Attributes:
		qc_type: `web` (QWAC), `seal` (QSEAL) or None if they do not say.
		roles: `PSP_AI` and the like.
		authority_name: the competent authority's name.
		authority_id: its identifier, such as `IL-CMA`.
		qualified: the authority that issued says that it is a qualified certificate.
		on_device: the key lives in a secure device.
	"""

	qc_type: str | None = None
	roles: tuple[str, ...] = ()
	authority_name: str = ""
	authority_id: str = ""
	qualified: bool = False
	on_device: bool = False


def build(statements: QcStatements) -> bytes:
	"""The extension's value, in the standard's form.

	Raises:
		ValueError: a role that does not exist, or roles without the authority that gave them.
	"""
	parts = []
	if statements.qualified:
		parts.append(_statement(COMPLIANCE))
	if statements.on_device:
		parts.append(_statement(DEVICE))
	if statements.qc_type:
		kind = der.encode_oid(TYPES[statements.qc_type])
		parts.append(_statement(TYPE, der.encode(der.SEQUENCE, kind)))
	if statements.roles:
		parts.append(_statement(PSD2, _psd2(statements)))
	return der.encode(der.SEQUENCE, *parts)


def _statement(oid: str, *info: bytes) -> bytes:
	return der.encode(der.SEQUENCE, der.encode_oid(oid), *info)


def _psd2(statements: QcStatements) -> bytes:
	if unknown := set(statements.roles) - set(ROLES):
		raise ValueError(f"unknown roles: {', '.join(sorted(unknown))}")
	names = (statements.authority_name, statements.authority_id)
	if not all(1 <= len(name) <= MAX_NAME for name in names):
		raise ValueError(f"the authority's name and id need 1 to {MAX_NAME} characters")
	roles = (
		der.encode(der.SEQUENCE, der.encode_oid(ROLES[role]), der.encode_text(role))
		for role in statements.roles
	)
	texts = (der.encode_text(name) for name in names)
	return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, *roles), *texts)


def read(data: bytes) -> QcStatements:
	"""What an extension's value says; statements of other kinds are passed over.

	Both forms are read: the standard's sequence of statements, and a single statement without the sequence
	around it, as one public generator writes it (berlin_group_migdal.md, 6.1).

	Raises:
		DerError: it is not a list of statements.
	"""
	outer = der.only(data, der.SEQUENCE)
	found = der.values(outer.content)
	if found and found[0].tag == der.OBJECT_IDENTIFIER:
		found = [outer]
	infos = dict(_parts(statement) for statement in found)
	roles, name, identifier = _read_psd2(infos[PSD2]) if PSD2 in infos else ((), "", "")
	return QcStatements(
		qc_type=_read_type(infos[TYPE]) if TYPE in infos else None,
		roles=roles,
		authority_name=name,
		authority_id=identifier,
		qualified=COMPLIANCE in infos,
		on_device=DEVICE in infos,
	)


def _parts(statement: der.Value) -> tuple[str, Sequence[der.Value]]:
	if statement.tag != der.SEQUENCE:
		raise der.DerError("not a statement")
	number, *info = der.values(statement.content) or [statement]
	return der.oid(number), info


def _read_type(info: Sequence[der.Value]) -> str | None:
	listed = der.values(info[0].content) if info else []
	names = (_TYPE_NAMES.get(der.oid(value)) for value in listed)
	return next((name for name in names if name), None)


def _read_psd2(info: Sequence[der.Value]) -> tuple[tuple[str, ...], str, str]:
	parts = der.values(info[0].content) if info else []
	if len(parts) != 3:
		raise der.DerError("not a PSD2 statement")
	# The number counts; the name beside it is for people.
	numbers = (der.oid(der.values(role.content)[0]) for role in der.values(parts[0].content) if role.content)
	roles = tuple(_ROLE_NAMES[number] for number in numbers if number in _ROLE_NAMES)
	return roles, der.text(parts[1]), der.text(parts[2])
