"""200 batches whose processes are killed, whose connections are cut, whose callers repeat themselves: none is sent twice.

Web server, worker, scheduler and bank are processes; all speak HTTP. The bank takes whatever it gets (`repeated_exchange`), so
nothing but the gateway keeps a payment from being there twice. Its book is the judge.

`NEVER_TWICE_SEED=…` repeats what a run has drawn; what the machine makes of it is another matter. `NEVER_TWICE_WAVES=…` makes
more of them, or fewer.
"""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import deadly
import pytest
from cutting import Cut, Wire
from installation import Installation, wait_until
from kb_runs import BATCH_TIMEOUT, Company, Run, judge

from bank_api.sandbox.page import SandboxError
from dev import processes
from dev.processes import Process, session_members

HERE = Path(__file__).parent
BATCHES = "/directapi/batchda/v3/batchPayments"
WAVES, RUNS = int(os.environ.get("NEVER_TWICE_WAVES", "20")), 10
CLIENTS = 4
STEPS = ("taken", "kept", "claiming", "claimed", "answered", "recording", "recorded")
WISHES = {"web": STEPS, "worker": STEPS[2:], "ticker": (*STEPS[2:], "checked")}
SERVICES = {3: "sandbox", 7: "mariadb", 11: "redis_queue", 14: "redis_cache", 17: "sandbox"}
PARTED = (5, 13)
"""Waves in which the bank cannot be reached at first."""
FAULTS: tuple[dict[str, Any], ...] = (
	{"kind": "refuse"},
	{"kind": "cut"},
	{"kind": "cut", "execute": True},
	{"kind": "reset"},
	{"kind": "reset", "execute": True},
	{"kind": "truncated"},
	{"kind": "garbage"},
	{"kind": "garbage", "execute": True},
	{"kind": "html", "execute": True},
	{"kind": "empty", "execute": True},
	{"kind": "no_content", "execute": True},
	{"kind": "status", "status": 401},
	{"kind": "status", "status": 429, "retry_after": "1"},
	{"kind": "status", "status": 500},
	{"kind": "status", "status": 503, "execute": True, "retry_after": "1"},
	{"kind": "status", "status": 302, "execute": True},
	{"kind": "slow", "seconds": BATCH_TIMEOUT + 0.7},
)


class Deck:
	"""Draws everything once before anything comes again."""

	def __init__(self, dice: random.Random, cards: Sequence[Any]):
		self.dice, self.cards, self.left = dice, cards, []

	def draw(self) -> Any:
		if not self.left:
			self.left = self.dice.sample(self.cards, len(self.cards))
		return self.left.pop()


class Scene:
	"""The processes, and everything that happens to them and to the wire.

	Args:
		installation: the installation under test.
		folder: for wishes.
		seed: of all that is drawn.
	"""

	def __init__(self, installation: Installation, folder: Path, seed: int):
		self.installation, self.folder = installation, folder
		self.dice = random.Random(seed)
		self.wire = Wire(installation.stack["sandbox"].kb_api_port, b"POST /directapi/")
		self.company = Company(installation, self.wire.port, CLIENTS)
		self.web, self.worker, self.ticker = self._processes()
		self.faults = Deck(self.dice, FAULTS)
		self.wishes = {role: Deck(self.dice, steps) for role, steps in WISHES.items()}
		self.done: Counter[str] = Counter()
		self.runs: list[Run] = []

	def _processes(self) -> tuple[Process, Process, Process]:
		stack = self.installation.stack
		bench, logs = stack.bench, stack.folder / "logs"
		for role in WISHES:
			(self.folder / role).mkdir()
		web = processes.web_server(bench, stack.site, workers=2, threads=8, log=logs / "deadly-web.log")
		web.argv[-1] = "deadly_web:application"
		worker = processes.worker(bench, stack.site, log=logs / "deadly-worker.log")
		worker.argv[1:] = [str(HERE / "deadly.py"), "worker"]
		ticker = Process(
			"ticker",
			[bench.python, HERE / "deadly.py", "ticker", stack.site],
			cwd=bench.sites_path,
			env=bench.environment(),
			log=logs / "deadly-ticker.log",
			ready=lambda _: True,
		)
		for process in (web, worker, ticker):
			process.env["PYTHONPATH"] += f"{os.pathsep}{HERE}"
			process.env[deadly.FOLDER] = str(self.folder)
		return web, worker, ticker

	@property
	def url(self) -> str:
		"""Of the web server whose processes die."""
		return f"http://127.0.0.1:{self.web.port}"  # type: ignore[attr-defined]

	# --- one wave

	def wave(self, number: int) -> None:
		"""Ten batches at once, and what happens to them."""
		began = time.monotonic()
		control, dice = self.installation.control, self.dice
		control.kb.switches(find_by_exchange=dice.random() < 0.7)
		runs = [self._run(place) for place in range(RUNS)]
		self.runs += runs
		self._arrange()
		work = [lambda run=run: run.insist(dice.choice((0.05, 0.2, 0.5, 60, 60))) for run in runs]
		work += [lambda: runs[0].insist() for _ in range(7)]
		work += [lambda run=run: self._cancel(run) for run in runs[1:3]]
		work += [lambda run=run: self._sign(run) for run in runs[2:4]]
		if number in PARTED:
			self.wire.part()
		self.installation.inside(_schedule)
		with _at_once(work):
			self._kill_somebody()
			if number in SERVICES:
				self._restart(SERVICES[number])
			if number in PARTED:
				self._rejoin()
		self._clear_up()
		print(f"wave {number}: {time.monotonic() - began:.1f} s", flush=True)

	def _run(self, place: int) -> Run:
		if place in (4, 5):
			return self.company.run(self.dice, self.url, self.dice.randrange(4, 9))
		form = "abo" if place == 6 else "kb_json"
		return self.company.run(self.dice, self.url, self.dice.randrange(1, 3), form)

	def _arrange(self) -> None:
		for _ in range(2):
			fault = dict(self.faults.draw())
			kind = fault.pop("kind")
			self.installation.control.fail(kind, path=BATCHES, times=1, method="POST", **fault)
			self.wire.cuts.append(self._cut())
		roles = ["web", "web", "worker", *(["ticker"] if self.dice.random() < 0.6 else [])]
		for role in roles:
			(self.folder / role / self.wishes[role].draw()).touch()

	def _cut(self) -> Cut:
		"""In the middle of the request, before the answer, in the middle of it, or much too late."""
		dice, reset = self.dice, self.dice.random() < 0.5
		kind = dice.randrange(4)
		if kind == 0:
			return Cut(request=dice.randrange(700), reset=reset)
		if kind == 1:
			return Cut(answer=0, reset=reset)
		if kind == 2:
			return Cut(answer=dice.randrange(1, 700), reset=reset)
		return Cut(late=BATCH_TIMEOUT + 0.5)

	def _clear_up(self) -> None:
		control = self.installation.control
		self.done["faults"] += 2 - len(control.faults())
		control.clear_faults()
		self.done["cuts"], _ = self.wire.done, self.wire.cuts.clear()
		for role in WISHES:
			left = list((self.folder / role).iterdir())
			self.done[f"wishes left to {role}"] += len(left)
			for wish in left:
				with contextlib.suppress(FileNotFoundError):
					wish.unlink()

	def _cancel(self, run: Run) -> None:
		"""Cancel as soon as there is something to cancel; it races the sender, or the one who signs."""
		for _ in range(50):
			time.sleep(self.dice.uniform(0, 0.1))
			status = run.cancel()
			if status not in (0, 404):  # killed before it answered; not there yet
				self.done[f"cancellation answered {status}"] += 1
				return

	def _sign(self, run: Run) -> None:
		"""A human authorises what the bank has, while the gateway is still busy with it."""
		for _ in range(20):
			time.sleep(0.1)
			for part in run.told[0]["parts"] if run.told else ():
				if part["provider_batch_id"]:
					with contextlib.suppress(SandboxError):  # it is cancelled
						self.installation.control.kb.decide(part["provider_batch_id"])
						self.done["signed in between"] += 1
					return

	def _kill_somebody(self) -> None:
		time.sleep(self.dice.uniform(0, 1.2))
		whom = self.dice.choice(("web", "web", "worker", "horse", "ticker"))
		if whom == "web":
			self._kill_one(self._web_workers())
		elif whom == "horse":
			self._kill_one([pid for pid in session_members(self.worker.pid) if pid != self.worker.pid])
		else:
			process = self.worker if whom == "worker" else self.ticker
			process.kill()
			process.start()
		self.done[f"{whom} killed at random"] += 1

	def _kill_one(self, pids: list[int]) -> None:
		if pids:
			with contextlib.suppress(ProcessLookupError):
				os.kill(self.dice.choice(pids), 9)

	def _web_workers(self) -> list[int]:
		return [pid for pid in session_members(self.web.pid) if pid != self.web.pid]

	def _restart(self, service: str) -> None:
		time.sleep(self.dice.uniform(0.1, 0.5))
		stack = self.installation.stack
		if service == "sandbox":
			stack.kill("sandbox")
			stack.restart("sandbox")
		elif stack.bench.embedded_bench:
			server = getattr(stack.bench, service)
			server.kill()
			server.start()
			wait_until("the services", lambda: _well(stack.bench.ensure_services))
			if not self.worker.alive or service == "redis_queue":
				self.worker.restart()
		self.done[f"{service} restarted"] += 1

	def _rejoin(self) -> None:
		time.sleep(1.0)
		self.wire.join()
		self.done["bank out of reach"] += 1

	# --- the end

	def repeat_all(self) -> None:
		"""Every caller hands its batch over once more: nothing of it may move."""
		with ThreadPoolExecutor(8) as pool:
			list(pool.map(lambda run: run.insist(), self.runs))
		assert all(run.told[-1]["repeated"] for run in self.runs)

	def turn(self, states: str) -> None:
		"""A turn of the scheduler for which everything in these states is due."""

		def work() -> None:
			import frappe

			from bank_api.gateway import payment_duties

			for column in ("next_try_at", "next_check_at"):
				frappe.db.sql(
					f"""UPDATE `tabBank API Payment Batch` SET {column} = '2020-01-01'
					WHERE {column} IS NOT NULL AND provider = %s AND state IN ({states})""",
					self.company.provider,
				)
			frappe.db.commit()
			payment_duties.tick()

		self.installation.inside(work)

	def states(self) -> Counter[str]:
		"""How many messages to the bank stand how; those behind one of which nobody knows count as `Held`."""
		rows = self.installation.sql(
			"""SELECT IF(part.state = 'Validated' AND EXISTS (SELECT 1 FROM `tabBank API Payment Batch` other
				WHERE other.parent_batch = part.parent_batch AND other.state = 'Unknown'), 'Held', part.state) AS stands,
				COUNT(*) AS found
			FROM `tabBank API Payment Batch` part
			WHERE part.provider = %s AND COALESCE(part.part_count, 0) = 0 GROUP BY stands""",
			self.company.provider,
		)
		return Counter({row["stands"]: row["found"] for row in rows})

	def calm_down(self, *states: str) -> None:
		"""Let the scheduler take its turns until they change nothing more, and nothing stands so any more."""

		def quiet() -> bool:
			before = self.states()
			self.turn("'Validated', 'Unknown'")
			after = self.states()
			return before == after and not any(after[state] for state in states)

		try:
			wait_until(f"the end of {states}", quiet, 120, step=0.5)
		finally:
			print(dict(self.states()), flush=True)

	def decide(self) -> int:
		"""A human settles what is unknown although the bank has a list: it is not there, and nothing is sent again."""

		def work() -> int:
			import frappe

			from bank_api.gateway import payment_decisions

			frappe.db.sql(
				"""UPDATE `tabBank API Payment Batch` SET sent_at = sent_at - INTERVAL 11 MINUTE
				WHERE provider = %s AND state = 'Unknown'""",
				self.company.provider,
			)
			rows = frappe.get_all(
				"Bank API Payment Batch",
				{"provider": self.company.provider, "state": "Unknown", "part_count": 0},
				["name", "digest", "total", "currency"],
			)
			frappe.db.commit()
			for row in rows:
				amount = f"{row.total} {row.currency}"
				payment_decisions.decide(row.name, arrived=False, digest=row.digest, total=amount)
			return len(rows)

		return self.installation.inside(work)

	def settle(self) -> None:
		"""The human authorises all that waits, and the bank's days pass."""
		control = self.company.control
		for batch in control.batches(app=self.company.app):
			if batch["sign_state"] == "OPEN":
				control.decide(batch["id"])
		control.settle()
		for _ in range(10):
			self.turn("'Stored', 'Partly Accepted', 'Authorised', 'Unknown'")
			if not any(self.states()[state] for state in ("Stored", "Partly Accepted", "Authorised")):
				return

	def sendings(self) -> list[str]:
		"""Messages that went to the bank again after somebody had to say that their outcome is unknown."""
		rows = self.installation.sql(
			"""SELECT log.reference_name AS batch, log.action FROM `tabBank API Log` log
			JOIN `tabBank API Payment Batch` batch ON batch.name = log.reference_name
			WHERE batch.provider = %s AND COALESCE(batch.part_count, 0) = 0
				AND log.reference_doctype = 'Bank API Payment Batch' ORDER BY log.name""",
			self.company.provider,
		)
		unknown, found = set(), []
		for row in rows:
			if row["action"] == "Payment Batch Unknown":
				unknown.add(row["batch"])
			elif row["action"] == "Payment Batch Sending" and row["batch"] in unknown:
				found.append(row["batch"])
		return found


def _schedule() -> None:
	"""What the framework's scheduler does each minute: the duties are queued for the worker."""
	import frappe

	method = "bank_api.gateway.payment_duties.tick"
	frappe.get_doc("Scheduled Job Type", {"method": method}).enqueue(force=True)


def _well(look: Callable[[], None]) -> bool:
	try:
		look()
	except Exception:
		return False
	return True


@contextlib.contextmanager
def _at_once(work: list[Callable[[], None]]) -> Iterator[None]:
	"""Do all at once beside the block; the first failure is told when all are done.

	Processes are started in the block: the kernel ends them with the very thread that has started them (dev/guard.py).
	"""
	with ThreadPoolExecutor(len(work)) as pool:
		futures = [pool.submit(one) for one in work]
		yield
	for future in futures:
		future.result()


@pytest.fixture
def scene(installation: Installation, tmp_path: Path) -> Iterator[Scene]:
	seed = int(os.environ.get("NEVER_TWICE_SEED") or random.randrange(1_000_000))
	print(f"NEVER_TWICE_SEED={seed}")
	stack, control = installation.stack, installation.control
	before = control.kb.switches()
	control.kb.switches(
		repeated_exchange="accept", access_seconds=60, token_limit=100_000, history_limit=False
	)
	scene = Scene(installation, tmp_path, seed)
	stack["worker"].stop()  # its jobs are done by one that can be killed
	started = (scene.web, scene.worker, scene.ticker)
	try:
		for process in started:
			process.launch()
		for process in started:
			process.wait_ready()
		yield scene
	finally:
		for process in started:
			process.stop()
		scene.wire.part()
		stack["worker"].start()
		control.clear_faults()
		control.kb.switches(**before)


@pytest.mark.timeout(1800)  # minutes on a quiet machine
def test_two_hundred_batches_are_at_the_bank_once_or_not_at_all(scene: Scene) -> None:
	began = time.monotonic()
	for number in range(WAVES):
		scene.wave(number)
	scene.installation.control.kb.switches(find_by_exchange=True)
	scene.ticker.stop()
	scene.repeat_all()
	scene.calm_down("Validated", "Sending")
	count = judge(scene.company, scene.runs)
	assert bool(scene.decide()) is bool(count["unknown"])
	scene.calm_down("Validated", "Sending", "Held", "Unknown")
	judge(scene.company, scene.runs)
	scene.settle()
	ended = judge(scene.company, scene.runs, settled=True)
	assert scene.sendings() == []
	print(f"{count}\n{ended}\n{dict(sorted(scene.done.items()))}\n{time.monotonic() - began:.0f} s")
