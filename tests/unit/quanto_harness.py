"""A sandbox with Quanto's listeners, an institution that is set up, and a record of what the banks were asked and answered."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from werkzeug.wrappers import Request, Response

from bank_api.sandbox.app import Sandbox
from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.quanto.client import PERSON, QuantoSandbox, Setup
from bank_api.sandbox.server import Server, serve_in_thread
from bank_api.sandbox.state import Options

RETURN = "https://gateway.sim.example/bank-api/return"


@dataclass(frozen=True)
class Exchange:
	"""What Quanto asked a bank, and the answer."""

	method: str
	path: str
	headers: dict[str, str]
	body: bytes
	status: int
	answered: dict[str, str]
	answer: bytes


@dataclass
class Quanto:
	"""A running sandbox seen from an institution."""

	control: SandboxControl
	setup: Setup
	exchanges: list[Exchange] = field(default_factory=list, repr=False)

	@property
	def sandbox(self) -> QuantoSandbox:
		"""Quanto's control calls."""
		return self.control.quanto

	def call(self, method: str, path: str, **options: Any) -> requests.Response:
		"""Call Quanto's API."""
		return self.setup.call(method, path, **options)

	def get(self, path: str, status: int = 200, **options: Any) -> Any:
		"""GET, and return the JSON of an answer that must have a status."""
		answer = self.call("GET", path, **options)
		assert answer.status_code == status, answer.text
		return answer.json()

	def start(self, cpf: str = PERSON, cnpj: str = "", **values: Any) -> dict[str, Any]:
		"""Start a session."""
		answer = self.call("POST", "/v1/sessions", json=session_body(cpf, cnpj, **values))
		assert answer.status_code == 201, answer.text
		return answer.json()

	def share(self, bank: str = "ipe", cnpj: str = "", **values: Any) -> str:
		"""Share without the pages; return the consent id."""
		session = self.start(cnpj=cnpj)
		return self.sandbox.share(session["sessionId"], bank, **values)["id"]


def session_body(cpf: str = PERSON, cnpj: str = "", **values: Any) -> dict[str, Any]:
	"""Return what starts a session."""
	body: dict[str, Any] = {"loggedUser": {"document": {"identification": cpf, "rel": "CPF"}}, **values}
	if cnpj:
		body["businessEntity"] = {"document": {"identification": cnpj, "rel": "CNPJ"}}
	return body


def errors_of(answer: requests.Response) -> list[str]:
	"""Return the codes of an error answer."""
	return [row["code"] for row in answer.json()["errors"]]


@contextmanager
def running_quanto(**options: Any) -> Iterator[Quanto]:
	"""Run a sandbox in this process, with an institution that may start sessions."""
	sandbox = Sandbox(Options(**{"transactions": 90} | options))
	servers = [Server("127.0.0.1", 0, sandbox), *sandbox.listen("127.0.0.1", 0, 0)]
	sandbox.url = servers[0].url
	exchanges: list[Exchange] = []
	answer = sandbox.quanto.answer
	assert answer is not None

	def recorded(request: Request) -> Response:
		found = answer(request)
		exchanges.append(
			Exchange(
				request.method,
				request.full_path.rstrip("?"),
				dict(request.headers.items()),
				request.get_data(),
				found.status_code,
				dict(found.headers.items()),
				b"" if found.direct_passthrough else found.get_data(),
			)
		)
		return found

	sandbox.quanto.answer = recorded
	for server in servers:
		serve_in_thread(server)
	control = SandboxControl(servers[0].url)
	try:
		yield Quanto(control, control.quanto.set_up(RETURN), exchanges)
	finally:
		for server in servers:
			server.shutdown()
			server.server_close()
		sandbox.close()


def interaction() -> str:
	"""Return a fresh interaction id."""
	return str(uuid.uuid4())
