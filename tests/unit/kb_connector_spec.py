"""Checks the connector's requests, and the answers its tests make up, against KB's published files.

The files are not ours to copy: they are found by ``BANK_API_SPECS`` or in ``../shared/specs/kb`` beside the repository,
and tests that need them skip where they are absent. Version 2 of ADAA is checked as version 1 where both are the same:
no file of version 2 was published.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ADAA, REGISTRATION = "adaa-api-v1.json", "client-registration-api-v1.json"
_SERVERS = {
	ADAA: "https://api.kb.cz/open/api/adaa/v1",
	REGISTRATION: "https://api.kb.cz/open/api/client-registration/v1",
}


@cache
def _api(name: str) -> Any:
	root = Path(__file__).resolve().parents[2]
	places = [Path(os.environ["BANK_API_SPECS"]) / "kb"] if os.environ.get("BANK_API_SPECS") else []
	places += [parent.parent / "shared" / "specs" / "kb" for parent in (root, *root.parents)]
	path = next((place / name for place in places if (place / name).is_file()), None)
	if path is None:
		return None
	from openapi_core import Config, OpenAPI

	document = json.loads(path.read_text(encoding="utf-8"))
	for operations in document["paths"].values():
		for operation in operations.values():
			# The files name a scheme that they do not define (registration), or one that tokens are checked by elsewhere.
			if isinstance(operation, dict):
				operation.pop("security", None)
	return OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))


def needed(name: str = ADAA) -> None:
	"""Skip a test that has nothing to check against."""
	if _api(name) is None:
		pytest.skip(f"{name} is not here: set BANK_API_SPECS, or put it in ../shared/specs/kb")


def _request(sent: Any, name: str) -> Any:
	from openapi_core.testing import MockRequest

	parts = urlsplit(sent.target)
	server = urlsplit(_SERVERS[name])
	path = server.path + re.sub(r"\A/(?:adaa|client-registration)/v\d", "", parts.path)
	pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
	return MockRequest(
		f"{server.scheme}://{server.netloc}",
		sent.method.lower(),
		path,
		args={key: value for key, _, value in pairs},
		headers=dict(sent.headers),
		data=sent.body or None,
		content_type=sent.headers.get("content-type", "application/json"),
	)


def check_request(sent: Any, name: str = ADAA) -> None:
	"""Fail if a request that was sent is none of the file's."""
	needed(name)
	_api(name).validate_request(_request(sent, name))


def check_response(
	sent: Any, text: str, status: int = 200, media: str = "application/json", name: str = ADAA
) -> None:
	"""Fail if an answer that a test makes up is none of the file's."""
	from openapi_core.testing import MockResponse

	needed(name)
	made = MockResponse(text.encode(), status_code=status, content_type=media)
	_api(name).validate_response(_request(sent, name), made)
