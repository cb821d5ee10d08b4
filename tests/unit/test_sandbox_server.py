"""The server: keep-alive, bodies, faults on the wire, and the process itself."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sandbox_harness import Bridge, running

from bank_api.sandbox.client import SandboxControl

ROOT = Path(__file__).parents[2]
HEADERS = {
	"Client-Id": "sandbox_id_demo",
	"Client-Secret": "sandbox_secret_demo",
	"Bridge-Version": "2025-01-15",
}


@pytest.fixture(scope="module")
def bank() -> Iterator[SandboxControl]:
	with running() as control:
		yield control


@pytest.fixture
def link(bank: SandboxControl) -> Iterator[http.client.HTTPConnection]:
	connection = http.client.HTTPConnection(bank.url.removeprefix("http://"), timeout=10)
	yield connection
	connection.close()


def test_a_connection_serves_many_calls(bank: SandboxControl, link: http.client.HTTPConnection) -> None:
	bank.reset_calls()
	for _ in range(5):
		link.request("GET", "/v3/providers", headers=HEADERS)
		answer = link.getresponse()
		assert answer.status == 200
		assert json.loads(answer.read())["resources"]
	link.request("HEAD", "/v3/providers", headers=HEADERS)
	answer = link.getresponse()
	assert answer.read() == b""
	assert answer.status == 200
	assert len({call["remote"] for call in bank.calls()}) == 1


def test_a_chunked_body_is_read(bank: SandboxControl, link: http.client.HTTPConnection) -> None:
	body = iter([b'{"external_user_id"', b':"chunked"}'])
	headers = HEADERS | {"Content-Type": "application/json"}
	link.request("POST", "/v3/aggregation/users", body=body, headers=headers, encode_chunked=True)
	assert link.getresponse().status == 201


def test_a_bad_length_is_refused(bank: SandboxControl) -> None:
	host, _, port = bank.url.removeprefix("http://").partition(":")
	with socket.create_connection((host, int(port)), timeout=5) as raw:
		raw.sendall(b"GET /v3/providers HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n")
		assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_the_recorded_headers_are_there(bank: SandboxControl) -> None:
	answer = Bridge(bank.url).get("/v3/providers")
	assert answer.headers["Server"] == "Bridge"
	assert answer.headers["Cache-Control"] == "no-cache, no-store, max-age=0, must-revalidate"
	assert answer.headers["Content-Type"] == "application/json"


def fault(bank: SandboxControl, kind: str, **values: Any) -> requests.Response:
	bank.fail(kind, "/providers", **values)
	return Bridge(bank.url).get("/v3/providers")


def test_a_body_can_be_cut(bank: SandboxControl) -> None:
	with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
		fault(bank, "cut")
	assert Bridge(bank.url).get("/v3/providers").status_code == 200


@pytest.mark.parametrize("kind", ["reset", "refuse"])
def test_a_connection_can_be_dropped(bank: SandboxControl, kind: str) -> None:
	with pytest.raises(requests.ConnectionError):
		fault(bank, kind)
	assert bank.calls("/providers")[-1]["status"] == "cut"


def test_an_answer_can_be_truncated(bank: SandboxControl) -> None:
	answer = fault(bank, "truncated")
	assert answer.status_code == 200
	with pytest.raises(ValueError):
		answer.json()


def test_an_answer_can_be_replaced(bank: SandboxControl) -> None:
	page = fault(bank, "html")
	assert page.headers["Content-Type"].startswith("text/html")
	assert page.status_code == 502
	empty = fault(bank, "empty")
	assert (empty.status_code, empty.content) == (200, b"")
	assert fault(bank, "no_content").status_code == 204
	with pytest.raises(ValueError):
		fault(bank, "garbage").json()
	assert fault(bank, "body", body='{"resources":[]}').json() == {"resources": []}


def test_a_status_can_be_forced(bank: SandboxControl) -> None:
	answer = fault(bank, "status", status=429, retry_after="7")
	assert answer.status_code == 429
	assert answer.headers["Retry-After"] == "7"
	assert answer.json()["errors"][0]["code"] == "too_many_requests"
	bare = fault(bank, "status", status=429)
	assert "Retry-After" not in bare.headers
	bank.fail("status", "/v2/banks", status=502)
	assert Bridge(bank.url, 2).get("/banks").json()["type"] == "bad_gateway"


def test_faults_count_skip_and_match(bank: SandboxControl) -> None:
	bank.fail("status", r"/providers\?limit=1$", times=2, skip=1, method="GET")
	bridge = Bridge(bank.url)
	statuses = [bridge.get("/v3/providers?limit=1").status_code for _ in range(4)]
	assert statuses == [200, 500, 500, 200]
	assert bridge.get("/v3/providers").status_code == 200
	bank.fail("status", "/providers", times=-1)
	assert [bridge.get("/v3/providers").status_code for _ in range(3)] == [500] * 3
	bank.clear_faults()
	assert bridge.get("/v3/providers").status_code == 200


def test_a_fault_may_come_after_the_effect(bank: SandboxControl) -> None:
	bank.fail("status", "/users", execute=True)
	bridge = Bridge(bank.url)
	assert bridge.call("POST", "/users", json={"external_user_id": "after"}).status_code == 500
	assert bridge.call("POST", "/users", json={"external_user_id": "after"}).status_code == 409


def test_answers_can_be_slow(bank: SandboxControl) -> None:
	began = time.monotonic()
	assert fault(bank, "slow", seconds=0.3).status_code == 200
	assert time.monotonic() - began >= 0.3
	bank.latency(100)
	began = time.monotonic()
	Bridge(bank.url).get("/v3/providers")
	bank.latency(0)
	assert time.monotonic() - began >= 0.1


def test_unknown_faults_and_fields_are_refused(bank: SandboxControl) -> None:
	for values in ({"kind": "nonsense"}, {"kind": "status", "colour": 1}, {"kind": "status", "path": "("}):
		answer = requests.post(f"{bank.url}/_control/faults", json=values, timeout=5)
		assert answer.status_code in (400, 500)
		assert "error" in answer.json()
	assert bank.faults() == []


class Process:
	"""The sandbox as its own process."""

	def __init__(self, *options: str) -> None:
		self.process = subprocess.Popen(
			[sys.executable, "-m", "bank_api.sandbox", "--port", "0", *options],
			cwd=ROOT,
			stdout=subprocess.PIPE,
			text=True,
		)
		assert self.process.stdout is not None
		line = self.process.stdout.readline()
		assert line.startswith("ready http://127.0.0.1:"), line
		self.control = SandboxControl(line.split()[1])

	def end(self, number: int) -> int:
		"""Send a signal and wait."""
		self.process.send_signal(number)
		return self.process.wait(timeout=10)


def test_the_command_says_ready_and_ends_clean() -> None:
	process = Process("--seed", "7", "--transactions", "12", "--switch", "history_days=90")
	assert process.control.info()["seed"] == 7
	assert process.control.switches()["history_days"] == 90
	assert process.control.switches()["rate_limits"] is True
	assert process.control.add_item("u")["accounts"][0]["transactions"] > 0
	assert process.end(signal.SIGTERM) == 0


def test_a_killed_sandbox_comes_back_as_it_was(tmp_path: Path) -> None:
	directory = str(tmp_path / "state")
	first = Process("--data-dir", directory, "--rate-limits", "off")
	item = first.control.add_item("kept", transactions=500)
	account = item["accounts"][0]["account_id"]
	row = first.control.add_transaction(account, amount="-0.005", description="DERNIÈRE")
	bridge = Bridge(first.control.url).log_in("kept")
	assert bridge.get(f"/transactions/{row['id']}").status_code == 200
	before = first.control.ledger(user="kept", rows=True)
	first.control.advance(3600)
	first.control.switches(page_quirk="short")
	first.end(signal.SIGKILL)

	second = Process("--data-dir", directory, "--rate-limits", "off")
	try:
		assert second.control.ledger(user="kept", rows=True) == before
		assert second.control.switches()["page_quirk"] == "short"
		bridge.url = second.control.url
		assert bridge.get(f"/transactions/{row['id']}").status_code == 200  # the token lives on
		assert second.control.add_item("kept")["item_id"] > item["item_id"]
	finally:
		second.end(signal.SIGTERM)


def test_a_taken_port_is_told(bank: SandboxControl) -> None:
	port = bank.url.rpartition(":")[2]
	done = subprocess.run(
		[sys.executable, "-m", "bank_api.sandbox", "--port", port],
		cwd=ROOT,
		capture_output=True,
		text=True,
		timeout=20,
		env=os.environ | {"PYTHONPATH": str(ROOT)},
	)
	assert done.returncode == 1
	assert "in use" in done.stderr


def test_pages_are_served_fast_enough(bank: SandboxControl) -> None:
	"""At least 40,000 transactions a second on one core, measured by the sandbox's own clock of each call."""
	bank.add_item("fast", transactions=20000)
	bridge = Bridge(bank.url).log_in("fast")
	bank.reset_calls()
	rows = bridge.all("/transactions?limit=500")
	assert len(rows) == 20000
	spent = sum(call["ms"] for call in bank.calls("/transactions")) / 1000
	assert len(rows) / spent > 40_000


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_https_with_a_private_authority(tmp_path: Path) -> None:
	key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
	command = (
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=sandbox"
	)
	names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
	subprocess.run([*command.split(), *names], check=True, capture_output=True)
	process = subprocess.Popen(
		[sys.executable, "-m", "bank_api.sandbox", "--port", "0"]
		+ ["--tls-cert", str(certificate), "--tls-key", str(key)],
		cwd=ROOT,
		stdout=subprocess.PIPE,
		text=True,
	)
	try:
		assert process.stdout is not None
		url = process.stdout.readline().split()[1]
		assert url.startswith("https://127.0.0.1:")
		session = requests.Session()
		session.trust_env = False
		with pytest.raises(requests.exceptions.SSLError):
			session.get(f"{url}/v3/providers", timeout=10)
		assert session.get(f"{url}/v3/providers", headers=HEADERS, verify=certificate, timeout=10).ok
	finally:
		process.terminate()
		process.wait(timeout=10)
