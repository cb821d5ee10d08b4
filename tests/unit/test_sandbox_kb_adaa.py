"""KB's accounts, history, nudges and statements (protocol 4), against the published files where there are any."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from kb_harness import KbClient, codes
from kb_spec import ADAA, EVENTS, check_answer, check_request

from bank_api.sandbox.kb.data import CLERK, EURO, MAIN, SAVINGS, WAGES

V2 = "/adaa/v2"


def checked(answer: requests.Response) -> requests.Response:
	"""An answer that the published file allows."""
	check_answer(ADAA, V2, answer)
	return answer


@pytest.fixture
def main(kb_client) -> str:
	"""The path of the main account."""
	return f"{V2}/accounts/{kb_client.get(f'{V2}/accounts').json()[0]['accountId']}"


class TestAccounts:
	def test_those_of_the_consent(self, kb, kb_client):
		body = checked(kb_client.get(f"{V2}/accounts")).json()
		assert [account["iban"] for account in body] == [MAIN, EURO, WAGES, SAVINGS]
		assert body[0]["nameI18N"] == "Hlavní účet"
		assert len(KbClient(kb, user=CLERK, accounts=[MAIN]).get(f"{V2}/accounts").json()) == 1

	def test_balances(self, kb, kb_client, main):
		body = checked(kb_client.get(f"{main}/balances")).json()
		assert [found["type"] for found in body] == ["PREVIOUSLY_CLOSED_BOOK", "CLOSING_AVAILABLE"]
		assert f"{body[1]['amount']['value']:.2f}" == kb.kb.account(MAIN)["available"]

	def test_another_account_and_a_blocked_one(self, kb, kb_client, main):
		assert checked(kb_client.get(f"{V2}/accounts/eA/balances")).status_code == 403
		kb.kb.edit_account(MAIN, status="blocked")
		assert checked(kb_client.get(f"{main}/balances")).status_code == 403

	def test_headers(self, kb_client):
		missing = checked(kb_client.get(f"{V2}/accounts", kb_client.headers(x_correlation_id=None)))
		assert "x-correlation-id" in missing.json()["errors"][0]["message"]
		wrong = checked(kb_client.get(f"{V2}/accounts", kb_client.headers(x_correlation_id="1")))
		assert codes(wrong) == ["INVALID_HEADER_VALUE"]
		braced = "{324d4777-b59e-4ad3-bb16-527856460113}"
		answer = kb_client.get(f"{V2}/accounts", kb_client.headers(x_correlation_id=braced))
		assert (answer.status_code, answer.headers["x-correlation-id"]) == (200, braced)

	def test_alive(self, kb_client):
		assert checked(requests.get(f"{kb_client.info['api_url']}{V2}/is-alive", timeout=30)).ok

	def test_the_first_version_is_a_switch(self, kb, kb_client, main):
		old = main.replace("v2", "v1")
		assert kb_client.get(f"{old}/transactions", page=0).status_code == 404
		kb.kb.switches(adaa_v1=True)
		answer = kb_client.get(
			f"{old}/transactions", page=0, size=20, fromDate="2026-01-01", toDate="2026-09-08"
		)
		check_answer(ADAA, "/adaa/v1", answer)
		assert answer.json()["numberOfElements"] == 20
		assert kb_client.get(f"{old}/transactions", page=0, size=21).status_code == 400


class TestHistory:
	def test_pages_old_to_new(self, kb, kb_client, main):
		rows, page = [], 0
		while True:
			body = checked(kb_client.get(f"{main}/transactions", page=page, size=7)).json()
			rows += body["content"]
			assert (body["first"], body["pageNumber"]) == (page == 0, page)
			if body["last"]:
				break
			page += 1
		assert len(rows) == len(kb.kb.account(MAIN)["transactions"])
		days = [row["valueDate"] for row in rows]
		assert days == sorted(days)
		assert sum(row["status"] == "PNG" for row in rows) == 2
		assert any("entryReference" not in row and row["status"] == "BOOK" for row in rows)

	def test_every_account_is_as_the_file_says(self, kb_client):
		for account in kb_client.get(f"{V2}/accounts").json():
			path = f"{V2}/accounts/{account['accountId']}/transactions"
			rows = checked(kb_client.get(path, page=0, size=100)).json()["content"]
			for row in rows:
				mine = [row[n] for n in ("amount", "instructed") if n in row]
				assert any(found["currency"] == account["currency"] for found in mine)

	@pytest.mark.parametrize(
		("query", "name"),
		[
			({}, "page"),
			({"page": -1}, "page"),
			({"page": 0, "size": 101}, "size"),
			({"page": 0, "fromDateTime": "2026-09-01"}, "fromDateTime"),
			({"page": 0, "fromDateTime": "2023-09-01T00:00:00.000Z"}, "fromDateTime"),
			({"page": 0, "toDateTime": "2026-10-01T00:00:00.000Z"}, "toDateTime"),
			(
				{"page": 0, "fromDateTime": "2026-09-05T00:00:00Z", "toDateTime": "2026-09-04T00:00:00Z"},
				"fromDateTime",
			),
		],
	)
	def test_parameters(self, kb_client, main, query, name):
		answer = checked(kb_client.get(f"{main}/transactions", **query))
		assert answer.status_code == 400
		assert answer.json()["errors"][0]["additionalInfo"]["parameterName"] == name

	def test_a_window(self, kb_client, main):
		query = {"page": 0, "size": 100, "fromDateTime": "2026-06-01T00:00:00.000Z"}
		body = kb_client.get(f"{main}/transactions", toDateTime="2026-07-01T00:00:00.000Z", **query).json()
		assert body["content"]
		assert all("2026-06-01" <= row["valueDate"] < "2026-07-01" for row in body["content"])

	def test_unchanged_data_once_in_61_minutes(self, kb, kb_client, main):
		first = {"page": 0, "size": 10}
		assert kb_client.get(f"{main}/transactions", **first).ok
		assert kb_client.get(f"{main}/transactions", page=1, size=10).ok
		answer = checked(kb_client.get(f"{main}/transactions", **first))
		assert answer.status_code == 429
		assert 3600 <= int(answer.headers["Retry-After"]) <= 3660
		since = "2026-08-01T00:00:00.000Z"
		assert kb_client.get(f"{main}/transactions", **first, fromDateTime=since).status_code == 429
		kb.kb.add_transaction(MAIN, "-1.00")
		assert kb_client.get(f"{main}/transactions", **first).ok
		assert kb_client.get(f"{main}/transactions", **first).status_code == 429
		kb.advance(61 * 60)
		kb_client.refresh()
		assert kb_client.get(f"{main}/transactions", **first).ok

	def test_other_plans(self, kb, kb_client, main):
		kb.kb.switches(plan="Pro")
		assert kb_client.get(f"{main}/transactions", page=0).ok
		kb.advance(600)
		kb_client.refresh()
		assert kb_client.get(f"{main}/transactions", page=0).ok
		kb.kb.switches(plan="Basic")
		assert kb_client.get(f"{main}/transactions", page=0).status_code == 403

	def test_a_pending_line_is_booked(self, kb, kb_client, main):
		made = kb.kb.add_transaction(MAIN, "-5.00", status="PNG")
		kb.kb.edit_transaction(made["key"], status="BOOK", extra={"entryReference": "KB-1"})
		last = kb_client.get(f"{main}/transactions", page=0, size=100).json()["content"][-1]
		assert (last["status"], last["entryReference"], last["amount"]["value"]) == ("BOOK", "KB-1", 5)

	def test_statements(self, kb_client, main):
		listed = checked(kb_client.get(f"{main}/statements", dateFrom="2026-05-01T00:00:00.000Z")).json()
		assert len(listed) == 5
		one = checked(kb_client.get(f"{main}/statements/{listed[-1]['statementId']}"))
		assert one.content.startswith(b"%PDF-1.4")


class _EventApi:
	def __init__(self) -> None:
		self.version, self.status = "1.0", 204
		self.seen: list[tuple[str, dict[str, str], bytes]] = []
		self.url = ""


@contextmanager
def event_api() -> Iterator[_EventApi]:
	"""Run what a client has to host."""
	found = _EventApi()

	class Handler(BaseHTTPRequestHandler):
		def do_GET(self) -> None:
			found.seen.append((f"GET {self.path}", dict(self.headers.items()), b""))
			self.reply(200, json.dumps({"version": found.version}).encode())

		def do_POST(self) -> None:
			body = self.rfile.read(int(self.headers["Content-Length"]))
			found.seen.append((f"POST {self.path}", dict(self.headers.items()), body))
			self.reply(found.status, b"")

		def reply(self, status: int, body: bytes) -> None:
			self.send_response(status)
			self.send_header("Content-Type", "application/json")
			self.send_header("Content-Length", str(len(body)))
			self.end_headers()
			self.wfile.write(body)

		def log_message(self, format, *args) -> None:
			pass

	server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
	found.url = f"http://127.0.0.1:{server.server_address[1]}/events"
	threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
	try:
		yield found
	finally:
		server.shutdown()
		server.server_close()


class TestNudges:
	def subscribe(self, client, main, url):
		return client.session.post(
			f"{client.info['api_url']}{main}/transactions/event-subscriptions",
			json={"eventApiUrl": url, "eventApiKey": "secret"},
			headers=client.headers(),
			timeout=30,
		)

	def test_a_nudge_and_its_silence(self, kb, kb_client, main):
		with event_api() as hook:
			made = checked(self.subscribe(kb_client, main, hook.url))
			assert made.status_code == 201
			assert made.headers["Location"].endswith(made.json()["subscriptionId"])
			assert hook.seen[0][0] == "GET /events/version"
			kb.kb.nudge(MAIN)
			method, sent, body = hook.seen[1]
			assert json.loads(body) == {"eventCount": 1}
			assert sent["x-api-key"] == "secret"
			check_request(EVENTS, "POST", method.removeprefix("POST /events"), sent, body)
			place = f"{main}/transactions/event-subscriptions/{made.json()['subscriptionId']}"
			assert checked(kb_client.get(place)).json()["status"] == "ACTIVE"
			gone = kb_client.session.delete(
				kb_client.info["api_url"] + place, headers=kb_client.headers(), timeout=30
			)
			assert checked(gone).status_code == 204
			assert checked(kb_client.get(place)).status_code == 404

	def test_at_most_one_in_five_minutes(self, kb, kb_client, main):
		with event_api() as hook:
			self.subscribe(kb_client, main, hook.url)
			kb.kb.nudge(MAIN)
			events = kb.kb
			events.add_transaction(MAIN, "1.00")
			events.add_transaction(MAIN, "2.00")
			kb.advance(299)
			threading.Event().wait(0.6)
			assert len(hook.seen) == 2
			kb.advance(2)
			end = threading.Event()
			for _ in range(100):
				if len(hook.seen) == 3:
					break
				end.wait(0.05)
			assert json.loads(hook.seen[2][2]) == {"eventCount": 2}

	@pytest.mark.parametrize("version", ["2.0", None])
	def test_the_handshake(self, kb_client, main, version):
		with event_api() as hook:
			hook.version = version
			assert checked(self.subscribe(kb_client, main, hook.url)).status_code == 422
		assert self.subscribe(kb_client, main, hook.url).status_code == 422

	def test_failures_suspend_and_stop(self, kb, kb_client, main):
		with event_api() as hook:
			self.subscribe(kb_client, main, hook.url)
			hook.status = 500
			kb.kb.nudge(MAIN)
			assert kb.kb.subscriptions()[-1]["status"] == "SUSPENDED"
			kb.kb.nudge(MAIN)
			assert len(hook.seen) == 2  # not before its time
			kb.advance(901)
			kb.kb.nudge()
			found = kb.kb.subscriptions()[-1]
			assert (found["status"], "HTTP 500" in found["narrative"]) == ("STOPPED", True)

	@pytest.mark.parametrize("status", [401, 403, 404])
	def test_a_refusal_stops_at_once(self, kb, kb_client, main, status):
		with event_api() as hook:
			self.subscribe(kb_client, main, hook.url)
			hook.status = status
			kb.kb.nudge(MAIN)
			assert kb.kb.subscriptions()[-1]["status"] == "STOPPED"


class TestStatda:
	def order(self, client, **query):
		account = client.get("/directapi/statda/v1/accounts").json()["accounts"][0]
		self.path = f"/directapi/statda/v1/accounts/{account['accountId']}/statements"
		usual = {"fromDate": "2026-06-01", "toDate": "2026-06-30", "format": "KM", "preferredLanguage": "cs"}
		return client.session.post(
			client.info["api_url"] + self.path,
			params={**usual, **query},
			headers=client.headers(),
			timeout=30,
		)

	def test_a_month_as_a_zip(self, kb, kb_client):
		body = self.order(kb_client).json()
		assert (body["status"], body["pollingInterval"]) == ("PENDING", 2)
		place = f"{self.path}/{body['statementId']}"
		assert kb_client.get(place).json()["status"] == "PENDING"
		answer = kb_client.get(place)
		assert answer.headers["Content-Type"] == "application/zip"
		files = zipfile.ZipFile(io.BytesIO(answer.content))
		assert files.namelist() == sorted(files.namelist())
		total, previous = 0, None
		for name in files.namelist():
			lines = files.read(name).split(b"\r\n")[:-1]
			assert {len(line) for line in lines} == {128}
			head = lines[0].decode("windows-1250")
			assert head[:19] == "0745000100000000019"
			old, new = (int(head[a:b]) * (-1 if head[b] == "-" else 1) for a, b in ((45, 59), (60, 74)))
			debit, credit = int(head[75:89]), int(head[90:104])
			assert new == old - debit + credit
			assert previous in (None, old)
			previous = new
			total += sum(line.startswith(b"075") for line in lines)
		rows = kb.kb.account(MAIN)["transactions"]
		assert total == sum(r["day"].startswith("2026-06") and r["status"] == "BOOK" for r in rows)

	def test_one_day_is_one_file(self, kb, kb_client):
		day = next(r["day"] for r in kb.kb.account(MAIN)["transactions"])
		kb.kb.switches(statement_polls=0)
		body = self.order(kb_client, fromDate=day, toDate=day).json()
		answer = kb_client.get(f"{self.path}/{body['statementId']}")
		assert answer.headers["Content-Type"] == "application/octet-stream"
		assert answer.content.startswith(b"074")

	def test_an_empty_time(self, kb, kb_client):
		assert self.order(kb_client, fromDate="2025-01-01", toDate="2025-01-02").status_code == 204

	@pytest.mark.parametrize("query", [{"toDate": "2026-09-08"}, {"format": "PDF"}, {"fromDate": "x"}])
	def test_refused(self, kb_client, query):
		assert self.order(kb_client, **query).status_code == 400

	def test_the_smallest_plan_has_fifty_a_month(self, kb, kb_client):
		kb.kb.switches(statement_polls=0, plan="Basic")
		body = self.order(kb_client).json()
		place = f"{self.path}/{body['statementId']}"
		statuses = [kb_client.get(place).status_code for _ in range(51)]
		assert statuses == [200] * 50 + [429]
