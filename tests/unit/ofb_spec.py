"""Checks bodies against the published Open Finance Brasil OpenAPI files, and makes bodies that they allow.

The files are not ours to copy: they are found by ``BANK_API_SPECS`` or in ``../shared/specs`` beside the repository, and tests
that need them skip where they are absent. Bodies are checked as the answers of a bank, whose paths they belong to: Quanto hands
them on unchanged.
"""

import json
import os
import random
import re
import warnings
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

FOLDER = "open-finance-brasil"
FILES = {
	"accounts": "accounts_2.4.2.yml",
	"consents": "consents_3.3.1.yml",
	"credit-cards-accounts": "credit-cards_2.3.1.yml",
	"customers": "customers_2.2.1.yml",
	"financings": "financings_2.4.0.yml",
	"invoice-financings": "invoice-financings_2.4.0.yml",
	"loans": "loans_2.5.0.yml",
	"resources": "resources_3.1.0.yml",
	"unarranged-accounts-overdraft": "unarranged-accounts-overdraft_2.5.0.yml",
}


def folder() -> Path | None:
	"""Where the published files are, if they are anywhere."""
	root = Path(__file__).resolve().parents[2]
	places = [Path(os.environ["BANK_API_SPECS"])] if os.environ.get("BANK_API_SPECS") else []
	places += [parent.parent / "shared" / "specs" for parent in (root, *root.parents)]
	return next((place / FOLDER for place in places if (place / FOLDER).is_dir()), None)


def needed() -> None:
	"""Skip a test that has nothing to check against."""
	if folder() is None:
		pytest.skip(f"{FOLDER} is not here: set BANK_API_SPECS, or put it in ../shared/specs")


@cache
def document(api: str) -> dict[str, Any]:
	"""One of the files."""
	import yaml

	place = folder()
	assert place is not None
	loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
	return yaml.load((place / FILES[api]).read_text(encoding="utf-8"), Loader=loader)


@cache
def _openapi(api: str) -> Any:
	from openapi_core import Config, OpenAPI

	return OpenAPI.from_dict(document(api), config=Config(spec_validator_cls=None))


def base(api: str) -> str:
	"""The address before an API's paths."""
	return document(api)["servers"][0]["url"].rstrip("/")


def check_answer(
	api: str, path: str, body: Any, status: int = 200, method: str = "get", media: str = "application/json"
) -> None:
	"""Fail unless the file allows an answer.

	Args:
		api: which file.
		path: below the API, with ids.
		body: its JSON value, or text.
		status: HTTP status.
		method: of the request.
		media: Content-Type of the answer.
	"""
	from openapi_core.testing import MockRequest, MockResponse

	host, _, prefix = base(api).partition("://")[2].partition("/")
	data = (body if isinstance(body, str) else json.dumps(body)).encode()
	request = MockRequest(f"https://{host}", method, f"/{prefix}{path}", headers=dict(HEADERS))
	headers = {"x-fapi-interaction-id": HEADERS["x-fapi-interaction-id"], "x-v": "1.0.0"}
	answer = MockResponse(data, status, headers, media)
	_explained(lambda: _openapi(api).validate_response(request, answer), f"{status} of {method} {path}")


def check_request(api: str, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
	"""Fail unless the file allows a request.

	Args:
		api: which file.
		method: HTTP method.
		path: below the API, with ids.
		headers: all that were sent.
		body: the exact bytes.
	"""
	from openapi_core.testing import MockRequest

	host, _, prefix = base(api).partition("://")[2].partition("/")
	request = MockRequest(
		f"https://{host}",
		method.lower(),
		f"/{prefix}{path}",
		headers=headers,
		data=body or None,
		content_type="application/json",
	)
	_explained(lambda: _openapi(api).validate_request(request), f"{method} {path}")


HEADERS = {
	"Authorization": "Bearer x",
	"x-fapi-interaction-id": "d78fc4e5-37ca-4da3-adf2-9b082bf92280",
}


def _explained(check: Any, what: str) -> None:
	try:
		with warnings.catch_warnings():
			# The files describe their mutual TLS in a way that openapi-core does not know.
			warnings.filterwarnings("ignore", "Unsupported scheme type")
			check()
	except Exception as error:
		cause = error.__cause__ or error
		details = [
			f"{'/'.join(map(str, found.absolute_path))}: {found.message[:300]}"
			for found in getattr(cause, "schema_errors", ())
		]
		pytest.fail(
			f"{what} is not what the published file says: {error!r} {cause!r} {details}", pytrace=False
		)


def answer_schema(api: str, path: str) -> dict[str, Any]:
	"""The schema of the 200 answer of GET on one of a file's paths."""
	answer = _resolved(api, document(api)["paths"][path]["get"]["responses"]["200"])
	return _resolved(api, answer["content"]["application/json"]["schema"])


@cache
def bodies(api: str, path: str, **fixed: Any) -> st.SearchStrategy[Any]:
	"""Bodies that the file allows for the 200 answer of GET on one of its paths.

	Args:
		api: which file.
		path: as the file writes it.
		fixed: strategies for members by name, wherever they stand.
	"""
	return _strategy(api, answer_schema(api, path), fixed)


def _resolved(api: str, node: dict[str, Any]) -> dict[str, Any]:
	while "$ref" in node:
		found: Any = document(api)
		for part in node["$ref"].removeprefix("#/").split("/"):
			found = found[part]
		node = found
	return node


def _strategy(api: str, schema: dict[str, Any], fixed: dict[str, Any]) -> st.SearchStrategy[Any]:
	schema = _resolved(api, schema)
	if "allOf" in schema:
		merged: dict[str, Any] = {}
		for part in schema["allOf"]:
			merged |= _resolved(api, part)
		schema = merged | {name: value for name, value in schema.items() if name != "allOf"}
	if "oneOf" in schema or "anyOf" in schema:
		return st.one_of([_strategy(api, one, fixed) for one in schema.get("oneOf") or schema["anyOf"]])
	kind = schema.get("type")
	if "enum" in schema:
		return st.sampled_from(schema["enum"])
	if kind == "array":
		least = schema.get("minItems", 0)
		return st.lists(_strategy(api, schema["items"], fixed), min_size=least, max_size=max(least, 3))
	if kind == "object" or "properties" in schema:
		members = {
			name: fixed[name] if name in fixed else _strategy(api, one, fixed)
			for name, one in schema.get("properties", {}).items()
		}
		needed_names = set(schema.get("required", ()))
		return st.fixed_dictionaries(
			{name: one for name, one in members.items() if name in needed_names},
			optional={name: one for name, one in members.items() if name not in needed_names},
		)
	return _scalar(kind, schema)


def _scalar(kind: str | None, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
	if kind == "boolean":
		return st.booleans()
	if kind in ("integer", "number"):
		return st.integers(int(schema.get("minimum", 0)), min(int(schema.get("maximum", 999)), 999))
	pattern = schema.get("pattern", "")
	if schema.get("format") == "date-time" or "T(?:" in pattern:
		milliseconds = "{3}Z" in pattern or schema.get("maxLength", 20) >= 24
		return _INSTANTS.map(lambda moment: _instant(moment, milliseconds))
	if schema.get("format") == "date":
		return _DAYS.map(lambda day: day.isoformat())
	if schema.get("format") in ("uri", "url"):
		return st.just("https://api.banco.com.br/open-banking/x")
	if schema.get("format") == "email":
		return st.sampled_from(["ana@example.com", "joao.silva@correio.example.com.br"])
	most = schema.get("maxLength", 60)
	if match := _NUMBER.search(pattern):
		return _numbers(match, "-?" in pattern, most)
	if pattern and not _ANYTHING.search(pattern):
		return st.sampled_from(samples(pattern, most))
	least = int(match[1]) if (match := re.search(r"\{(\d+),", pattern)) else schema.get("minLength", 1)
	return st.text(_LETTERS, min_size=max(least, 1), max_size=max(least, min(most, 30)))


_INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
_DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
_LETTERS = st.sampled_from("abcXYZ019ãçéõÁ.-/")
# An amount or a rate: digits before and after the point.
_NUMBER = re.compile(r"\\d(?:\{(?:(\d+),)?(\d+)\})?\\\.\\d\{(?:(\d+),)?(\d+)\}")
_ANYTHING = re.compile(r"\[\\w\\W|\.\*")


def _instant(moment: datetime, milliseconds: bool) -> str:
	fraction = f".{moment.microsecond // 1000:03d}" if milliseconds else ""
	return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def _numbers(match: re.Match[str], signed: bool, most: int) -> st.SearchStrategy[str]:
	"""Numbers of a pattern such as `^-?\\d{1,15}\\.\\d{2,4}$`; what stands before the digits may narrow the first."""
	whole, least, digits = int(match[2] or 1), int(match[3] or match[4]), int(match[4])
	return st.builds(
		lambda sign, number, fraction, places: f"{sign}{number}.{fraction:0{digits}d}"[
			: len(f"{sign}{number}.") + places
		],
		st.sampled_from(["", "-"] if signed else [""]),
		st.integers(0, 10**whole - 1),
		st.integers(0, 10**digits - 1),
		st.integers(least, digits),
	).filter(lambda text: len(text) <= most)


@cache
def samples(pattern: str, most: int) -> list[str]:
	"""Some texts that a pattern allows; hypothesis' own search through patterns takes seconds a body."""
	try:
		from re import _parser as parser  # type: ignore[attr-defined]
	except ImportError:  # Python 3.10
		import sre_parse as parser

	chance, form = random.Random(pattern), re.compile(pattern)
	found: set[str] = set()
	for _ in range(60):
		text = "".join(_made(part, chance, parser) for part in parser.parse(pattern))
		if len(text) <= most and form.search(text):
			found.add(text)
	assert found, f"no text fits {pattern}"
	return sorted(found)[:20]


def _made(part: tuple[Any, Any], chance: random.Random, parser: Any) -> str:
	kind, value = str(part[0]), part[1]
	if kind == "LITERAL":
		return chr(value)
	if kind in ("ANY", "NOT_LITERAL", "CATEGORY"):
		return chance.choice("0123456789")
	if kind == "IN":
		return _one_of(value, chance)
	if kind in ("MAX_REPEAT", "MIN_REPEAT"):
		least, most, inner = value
		count = chance.randint(int(least), min(int(most), int(least) + 12))
		return "".join(_made(one, chance, parser) for _ in range(count) for one in inner)
	if kind == "SUBPATTERN":
		return "".join(_made(one, chance, parser) for one in value[-1])
	if kind == "BRANCH":
		return "".join(_made(one, chance, parser) for one in chance.choice(value[1]))
	return ""  # anchors and look-arounds


def _one_of(allowed: Any, chance: random.Random) -> str:
	kind, value = chance.choice(list(allowed))
	name = str(kind)
	if name == "LITERAL":
		return chr(value)
	if name == "RANGE":
		return chr(chance.randint(*value))
	if name == "NEGATE":
		return "a"
	return chance.choice("0123456789")
