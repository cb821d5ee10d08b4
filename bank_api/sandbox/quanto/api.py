"""Quanto's API: the key, the interaction id, JSON in and out, refusals (section 2.3)."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.quanto import errors
from bank_api.sandbox.quanto.bank.call import ERROR_JSON, INTERACTION, JSON, echo, interaction_of
from bank_api.sandbox.quanto.bank.state import BankState
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.model import ApiKey, Tenant


@dataclass(frozen=True)
class Ask:
	"""A request with its institution."""

	request: Request
	tenant: Tenant

	def json(self) -> dict[str, Any]:
		"""Return the body.

		Raises:
			OfbError: 415 or 400: it is no JSON object.
		"""
		return json_of(self.request)


@dataclass(frozen=True)
class Answer:
	"""What is answered: an object, text as it is, or nothing."""

	status: int
	body: Any = None
	text: str | None = None
	headers: dict[str, str] = field(default_factory=dict)


def json_of(request: Request) -> dict[str, Any]:
	"""Return a request's JSON object.

	Raises:
		OfbError: 415 or 400: it has none.
	"""
	if request.mimetype != JSON:
		raise OfbError(415, detail="The body must be application/json.")
	try:
		found = json.loads(request.get_data())
	except ValueError as error:
		raise OfbError(400, detail="The body is not JSON.") from error
	if not isinstance(found, dict):
		raise OfbError(400, detail="The body must be an object.")
	return found


def digest(key: str) -> str:
	"""Return what is kept of an API key."""
	return hashlib.sha256(key.encode()).hexdigest()


class Api:
	"""Puts key and checks before an operation. The caller holds the lock."""

	def __init__(self, state: BankState) -> None:
		self.state = state
		self.keys = state.core.store.table(ApiKey)
		self.tenants = state.core.store.table(Tenant)

	def endpoint(self, function: Callable[..., Answer]) -> Callable[..., Response]:
		"""Make an endpoint of an operation that takes an ``Ask`` and the path's arguments."""

		def call(request: Request, **arguments: str) -> Response:
			try:
				tenant = self._tenant(request)
				if not interaction_of(request):
					raise OfbError(400, detail=f"{INTERACTION} is missing, or no UUID.")
				return self.reply(request, function(Ask(request, tenant), **arguments))
			except OfbError as error:
				return self.refusal(request, error)

		return call

	def _tenant(self, request: Request) -> Tenant:
		switches = self.state.switches
		sent = request.headers.get(switches.auth_header, "")
		key = sent[len(switches.auth_prefix) :] if sent.startswith(switches.auth_prefix) else ""
		mark = digest(key)
		found = next((k for k in self.keys.values() if k.digest == mark and not k.revoked), None)
		if not key or found is None:
			raise OfbError(401, "CHAVE_DE_API_INVALIDA", "The API key is missing or unknown.")
		request.environ.setdefault("sandbox.log", {})["tenant"] = found.tenant
		return self.tenants[found.tenant]

	def reply(self, request: Request, answer: Answer) -> Response:
		"""Write an answer."""
		if answer.text is None and answer.body is None:
			made = Response(b"", answer.status)
			del made.headers["Content-Type"]
		else:
			text = answer.text
			if text is None:
				text = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
			made = Response(text, answer.status, content_type=JSON)
		made.headers["Cache-Control"] = "no-store"
		made.headers.update(answer.headers)
		return echo(request, made)

	def refusal(self, request: Request, error: OfbError) -> Response:
		"""Write a refusal."""
		answer = Response(errors.body(error, self.state.stamp), error.status, content_type=ERROR_JSON)
		answer.headers.update(error.headers)
		request.environ.setdefault("sandbox.log", {})["code"] = error.code
		return echo(request, answer)
