"""Checks requests and answers against the published Berlin Group OpenAPI file (psd2-api 1.3.11).

The file is not ours to copy: it is found by ``BANK_API_SPECS`` or in ``../shared/specs`` beside the repository, and
tests that need it skip where it is absent. What deviates from the file, and why:

- ``/api/consent/v1.6/consents`` is checked as ``/v1/consents``: each Israeli source has its own base (section 2.1).
- loans are checked as accounts, with the members ``loanAccounts`` and ``loanAccount`` renamed: the file knows no loans,
  they come from the Israeli standard for credit and deposits (section 4.6).
- the status ``suspendedByASPSP`` is checked as ``valid``: an Israeli addition to the enumeration (section 2.6).
- 408, 415, 500 and 503 have no body in the file (section 7.1), only their status is compared.
- addresses that the file does not have (token, metadata, an unknown path) are not checked: RFC 6749 and 8414 rule them;
  nor is the 404 or 405 for an address or method that it does not have.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

NAME = "psd2-api_v1.3.11.yaml"
HOST = "https://api.testbank.com"  # the file names this server, with /psd2 before its paths
BODYLESS = (204, 408, 415, 500, 503)
BASES = (
	("/api/consent/v1.6/consents", "/v1/consents"),
	("/api/loan/v1.4/loans", "/v1/accounts"),
	("/v1/loans", "/v1/accounts"),
)
RENAMED = {"loanAccounts": "accounts", "loanAccount": "account"}


def path_of_file() -> Path | None:
	"""Where the published file is, if it is anywhere."""
	root = Path(__file__).resolve().parents[2]
	places = [Path(os.environ["BANK_API_SPECS"])] if os.environ.get("BANK_API_SPECS") else []
	places += [parent.parent / "shared" / "specs" for parent in (root, *root.parents)]
	return next((place / NAME for place in places if (place / NAME).is_file()), None)


@cache
def _openapi() -> Any:
	path = path_of_file()
	if path is None:
		return None
	import yaml
	from openapi_core import Config, OpenAPI

	loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
	document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
	config = Config(
		spec_validator_cls=None, extra_media_type_deserializers={"application/problem+json": json.loads}
	)
	return OpenAPI.from_dict(document, config=config)


def needed() -> None:
	"""Skip a test that has nothing to check against."""
	if _openapi() is None:
		pytest.skip(f"{NAME} is not here: set BANK_API_SPECS, or put it in ../shared/specs")


def _place(url: str) -> str:
	path = urlsplit(url).path
	for own, published in BASES:
		if path == own or path.startswith(f"{own}/"):
			return published + path[len(own) :]
	return path


def is_published(url: str) -> bool:
	"""Whether the file has this address."""
	place = _place(url)
	return place.startswith(("/v1/consents", "/v1/accounts", "/v1/card-accounts"))


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Any:
	from openapi_core.testing import MockRequest

	return MockRequest(
		HOST,
		method.lower(),
		"/psd2" + _place(url),
		args=dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)),
		headers=dict(headers),
		data=body or None,
		content_type=headers.get("Content-Type", "application/json"),
	)


def check_request(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> None:
	"""Fail unless the file allows a request.

	Args:
		method: HTTP method.
		url: Full or relative.
		headers: All that were sent.
		body: The exact bytes.
	"""
	api = _openapi()
	if api is not None and is_published(url):
		_explained(lambda: api.validate_request(_request(method, url, headers, body)), f"{method} {url}")


def check_answer(
	method: str, url: str, sent: Mapping[str, str], status: int, headers: Mapping[str, str], body: bytes
) -> None:
	"""Fail unless the file allows an answer.

	Args:
		method: HTTP method of the request.
		url: Its address.
		sent: Its headers.
		status: The answer's status.
		headers: Its headers.
		body: Its body.
	"""
	api = _openapi()
	if api is None or not is_published(url):
		return
	if status == 405:
		return
	if status in BODYLESS:
		assert body == b"", f"{status} has no body in the standard"
		return
	from openapi_core.testing import MockResponse

	media = headers.get("Content-Type", "").split(";")[0]
	answer = MockResponse(_published(body, media), status, dict(headers), media)
	_explained(
		lambda: api.validate_response(_request(method, url, sent, b""), answer), f"{status} of {method} {url}"
	)


def _published(body: bytes, media: str) -> bytes:
	"""Rename what is Israeli, so that the rest is checked."""
	if "json" not in media:
		return body
	values = json.loads(body)
	if isinstance(values, dict):
		values = {RENAMED.get(name, name): value for name, value in values.items()}
		if values.get("consentStatus") == "suspendedByASPSP":
			values["consentStatus"] = "valid"
	return json.dumps(values).encode()


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
