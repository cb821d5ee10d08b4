"""docs/api.md says what the code does: methods, arguments, errors; and its examples run."""

import ast
import base64
import json
import re
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bank_api.connectors.model import Secret
from bank_api.crypto import standard_webhooks

REPO = Path(__file__).parents[2]
TEXT = (REPO / "docs" / "api.md").read_text()
SECTIONS = {
	section.partition("\n")[0].strip(): section
	for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]
}


def methods(module: str = "bridge") -> dict[str, list[str]]:
	"""The public methods of a module and their arguments."""
	tree = ast.parse((REPO / "bank_api" / f"{module}.py").read_text())
	return {
		node.name: [argument.arg for argument in node.args.args]
		for node in tree.body
		if isinstance(node, ast.FunctionDef) and node.decorator_list
	}


def test_there_are_thirteen_methods_and_each_has_its_section() -> None:
	assert len(methods()) == 13
	assert set(methods()) == set(SECTIONS)


@pytest.mark.parametrize("method", methods())
def test_every_argument_is_described(method: str) -> None:
	section = SECTIONS[method]
	if "Arguments and answer" in section or section.partition("\n\n")[2].startswith(
		"As `get_bank_transactions`"
	):
		section += SECTIONS["get_bridge_connect_link"] + SECTIONS["get_bank_transactions"]
	assert [argument for argument in methods()[method] if f"`{argument}`" not in section] == []


@pytest.mark.parametrize("method", methods("migdal"))
def test_every_method_of_migdal_is_in_its_table(method: str) -> None:
	part = TEXT.partition("## Migdal and other")[2].partition("\n## ")[0]
	(row,) = [line for line in part.splitlines() if line.startswith(f"| `{method}` |")]
	if "see below" in row.split("|")[2]:
		row = part.partition(f"#### {method}\n")[2].partition("####")[0]
	assert [argument for argument in methods("migdal")[method] if f"`{argument}`" not in row] == []


@pytest.mark.parametrize("method", methods("quanto"))
def test_every_method_of_quanto_is_in_its_table(method: str) -> None:
	part = TEXT.partition("## Quanto (Open")[2].partition("\n## ")[0]
	(row,) = [line for line in part.splitlines() if line.startswith(f"| `{method}` |")]
	if "see below" in row.split("|")[2]:
		row = part.partition(f"#### {method}\n")[2].partition("####")[0]
	assert [argument for argument in methods("quanto")[method] if f"`{argument}`" not in row] == []


@pytest.mark.parametrize("method", methods("kb"))
def test_every_method_of_kb_has_an_example(method: str) -> None:
	examples = TEXT.partition("## KB: ")[2].partition("#### Examples")[2].partition("\n## ")[0]
	calls = [line for line in examples.splitlines() if re.search(rf"\$API\.{method}\b", line)]
	assert calls and all(line.startswith('curl -H "$AUTH"') for line in calls)
	named = {name for line in calls for name in re.findall(r"[?&]([a-z_]+)=", line)}
	assert named <= set(methods("kb")[method])


@pytest.mark.parametrize("method", methods("kb"))
def test_every_method_of_kb_is_in_its_table(method: str) -> None:
	part = TEXT.partition("## KB: accounts")[2].partition("\n## ")[0]
	(row,) = [line for line in part.splitlines() if line.startswith(f"| `{method}` |")]
	if "see below" in row.split("|")[2]:
		row = part.partition(f"#### {method}\n")[2].partition("####")[0]
	assert [argument for argument in methods("kb")[method] if f"`{argument}`" not in row] == []


def test_every_state_of_a_batch_is_an_event() -> None:
	source = (REPO / "bank_api" / "gateway" / "payment_states.py").read_text()
	states = re.findall(r'"([A-Z][A-Za-z ]+)"', source.partition("STATES = ")[0].partition("DRAFT, ")[2])
	assert len(states) == 11
	for state in set(states) - {"Draft"}:
		assert f".{state.lower().replace(' ', '_')}`" in TEXT, state


def test_every_error_is_listed_with_its_status() -> None:
	tree = ast.parse((REPO / "bank_api" / "gateway" / "errors.py").read_text())
	for node in tree.body:
		if not isinstance(node, ast.ClassDef) or node.name == "GatewayError":
			continue
		status = next(
			line.value.value  # type: ignore[attr-defined]
			for line in node.body
			if isinstance(line, ast.Assign) and line.targets[0].id == "http_status_code"  # type: ignore[attr-defined]
		)
		(row,) = [line for line in TEXT.splitlines() if line.startswith("|") and f"`{node.name}`" in line]
		assert str(status) in row.split("|")[1], node.name


def test_every_event_is_listed() -> None:
	sources = "".join(path.read_text() for path in (REPO / "bank_api" / "gateway").glob("*.py"))
	found = set(re.findall(r'"((?:connect|item|accounts|transactions|consent|endpoint)\.[a-z_]+)"', sources))
	assert found >= {"connect.completed", "transactions.updated", "endpoint.test"}
	assert [event for event in found if f"`{event}`" not in TEXT] == []


def test_the_example_of_a_receiver_verifies_what_the_gateway_sends() -> None:
	(code,) = [
		block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "def verified" in block
	]
	names: dict = {}
	exec(code, names)
	secret, old = (f"whsec_{base64.b64encode(bytes([n] * 32)).decode()}" for n in (1, 2))
	body = json.dumps({"type": "endpoint.test"}).encode()
	now = datetime.now(timezone.utc)
	headers = standard_webhooks.headers([Secret(secret), Secret(old)], "msg_1", now, body)
	for key in (secret, old):
		assert names["verified"](key, headers, body) == {"type": "endpoint.test"}
	stale = standard_webhooks.headers(
		[Secret(secret)], "msg_1", datetime.fromtimestamp(time.time() - 400, timezone.utc), body
	)
	for given, text in ((headers, body + b" "), (stale, body), (headers | {"webhook-id": "msg_2"}, body)):
		with pytest.raises(ValueError, match=r"too old|not signed"):
			names["verified"](secret, given, text)


def test_all_python_in_it_is_valid() -> None:
	for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
		compile(block, "docs/api.md", "exec")
