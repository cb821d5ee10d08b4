"""Checks KB's answers against its published files: adaa-api-v1, client-registration-api-v1, adaa-event-api.

The files are not ours to copy: they are found by ``BANK_API_SPECS`` or in ``../shared/specs/kb`` beside the repository,
and tests that need them skip where they are absent. What is not checked, and why:

- v2 of ADAA is checked as v1: no file of v2 was published; it only adds members, which the file allows.
- 401 is not in the files: it is the gateway's own fault, in XML.
- 403 of the software statements is not in the file; it was seen (section 2.2), its body is a guess in the file's shape.
- 403 of an account in the blacklist under event-subscriptions is 404 here, as the file knows no 403 there.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

ADAA, REGISTRATION, EVENTS = "adaa-api-v1.json", "client-registration-api-v1.json", "adaa-event-api.yaml"
_HOSTS = {
	ADAA: ("https://api.kb.cz", "/open/api/adaa/v1"),
	REGISTRATION: ("https://api.kb.cz", "/open/api/client-registration/v1"),
	EVENTS: ("", ""),
}


def _place(name: str) -> Path | None:
	root = Path(__file__).resolve().parents[2]
	places = [Path(os.environ["BANK_API_SPECS"]) / "kb"] if os.environ.get("BANK_API_SPECS") else []
	places += [parent.parent / "shared" / "specs" / "kb" for parent in (root, *root.parents)]
	return next((place / name for place in places if (place / name).is_file()), None)


@cache
def _api(name: str) -> Any:
	path = _place(name)
	if path is None:
		return None
	import yaml
	from openapi_core import Config, OpenAPI

	text = path.read_text(encoding="utf-8")
	document = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
	config = Config(
		spec_validator_cls=None, extra_media_type_deserializers={"application/pdf": lambda data: data}
	)
	return OpenAPI.from_dict(document, config=config)


def needed(name: str) -> None:
	"""Skip a test that has nothing to check against."""
	if _api(name) is None:
		pytest.skip(f"{name} is not here: set BANK_API_SPECS, or put it in ../shared/specs/kb")


def _request(name: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Any:
	from openapi_core.testing import MockRequest

	host, base = _HOSTS[name]
	return MockRequest(
		host or "http://localhost",
		method.lower(),
		base + path,
		args=dict(parse_qsl(query, keep_blank_values=True)),
		headers=dict(headers),
		data=body or None,
		content_type=headers.get("Content-Type", "application/json"),
	)


def check_answer(name: str, prefix: str, answer: Any) -> None:
	"""Fail unless the published file allows an answer.

	Args:
		name: Which file.
		prefix: The part of the path that the file does not have.
		answer: Of requests.
	"""
	api = _api(name)
	if api is None:
		return
	from openapi_core.testing import MockResponse

	sent = answer.request
	parts = urlsplit(sent.url)
	asked = _request(name, sent.method, parts.path.removeprefix(prefix), parts.query, sent.headers, b"")
	media = answer.headers.get("Content-Type", "").split(";")[0]
	if media == "text/plain":
		media = "text/plain; charset=utf-8"  # the file spells the type with its charset
	found = MockResponse(answer.content, answer.status_code, dict(answer.headers), media)
	_explained(
		lambda: api.validate_response(asked, found), f"{answer.status_code} of {sent.method} {sent.url}"
	)


def check_request(
	name: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", query: str = ""
) -> None:
	"""Fail unless the published file allows a request."""
	api = _api(name)
	if api is not None:
		asked = _request(name, method, path, query, headers, body)
		_explained(lambda: api.validate_request(asked), f"{method} {path}")


def _explained(check: Any, what: str) -> None:
	try:
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
