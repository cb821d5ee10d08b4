"""A request to a bank that passed the checks every API shares (sections 3.2 and 4.1), and what is answered."""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto import errors
from bank_api.sandbox.quanto.bank.directory import BANKS, Bank
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError

INTERACTION = "x-fapi-interaction-id"
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
JSON, ERROR_JSON = "application/json", "application/json; charset=utf-8"


@dataclass(frozen=True)
class Call:
	"""A request that may be answered."""

	request: Request
	bank: Bank
	version: str

	@property
	def bearer(self) -> str:
		"""The token sent."""
		scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
		return token.strip() if scheme.lower() == "bearer" else ""

	def json(self) -> dict[str, Any]:
		"""Return the body's ``data`` object.

		Raises:
			OfbError: 415 or 400: it is not JSON, or has no such object.
		"""
		if self.request.mimetype != JSON:
			raise OfbError(415, detail="The body must be application/json.")
		try:
			found = json.loads(self.request.get_data())
		except ValueError as error:
			raise OfbError(400, detail="The body is not JSON.") from error
		if not isinstance(found, dict) or not isinstance(found.get("data"), dict):
			raise OfbError(400, detail="The body has no object data.")
		return found["data"]


@dataclass(frozen=True)
class Reply:
	"""An answer: ``body`` None sends none."""

	status: int
	body: Any = None
	headers: dict[str, str] = field(default_factory=dict)


def interaction_of(request: Request) -> str:
	"""Return the interaction id of a request, or an empty text when it has no usable one."""
	sent = request.headers.get(INTERACTION, "")
	return sent if _UUID.fullmatch(sent) else ""


def echo(request: Request, answer: Response) -> Response:
	"""Repeat the interaction id; where none was usable the answer gets one of its own (section 3.2)."""
	answer.headers[INTERACTION] = interaction_of(request) or str(uuid.uuid4())
	return answer


def checked(
	state: BankState, version: str, function: Callable[..., Reply], before: Callable[[Call], None]
) -> Callable[..., Response]:
	"""Put the checks that all APIs share before an operation.

	Args:
		state: The banks.
		version: For the header ``x-v``.
		function: The operation; it takes the call and the path's arguments.
		before: What has to be checked further: traffic limits.

	Returns:
		The endpoint.
	"""

	def endpoint(request: Request, bank: str, **arguments: str) -> Response:
		try:
			found = BANKS.get(bank)
			if found is None:
				raise OfbError(404, detail="This bank does not exist.")
			call = Call(request, found, version)
			if not interaction_of(request):
				raise OfbError(400, detail=f"{INTERACTION} is missing, or no UUID.")
			accept = request.headers.get("Accept", "*/*")
			if not any(kind in accept for kind in (JSON, "application/*", "*/*")):
				raise OfbError(406, detail="Only application/json is offered.")
			before(call)
			reply = function(call, **arguments)
		except OfbError as error:
			return refusal(request, error, state.stamp)
		return _answer(request, reply, version)

	return endpoint


def _answer(request: Request, reply: Reply, version: str) -> Response:
	if reply.body is None:
		answer = Response(b"", reply.status)
		del answer.headers["Content-Type"]
	else:
		text = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
		answer = Response(text, reply.status, content_type=JSON)
	answer.headers["x-v"] = version
	answer.headers.update(reply.headers)
	return echo(request, answer)


def refusal(request: Request, error: OfbError, moment: str) -> Response:
	"""Write a refusal."""
	answer = Response(errors.body(error, moment), error.status, content_type=ERROR_JSON)
	answer.headers.update(error.headers)
	request.environ.setdefault("sandbox.log", {})["code"] = error.code
	return echo(request, answer)
