"""Server processes with their log files: started, awaited, killed, restarted, and never left behind."""

import atexit
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dev.bench import Bench
from dev.errors import DevError
from dev.paths import REPO
from dev.services import LOOPBACK, free_port, wait_until
from dev.shell import guarded, tail

QUEUES = "short,default,long"
# The further listeners of the simulated providers, as options of `python -m bank_api.sandbox`.
SANDBOX_PORTS = (
	"migdal-port",
	"migdal-pages-port",
	"quanto-port",
	"banks-port",
	"kb-port",
	"kb-api-port",
	"kb-pages-port",
)
# No proxy stands between us and our own servers, whatever the environment says.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Process:
	"""One server process in a session of its own, so that it can be killed with all its children.

	Args:
		name: for messages and the log's name.
		argv: the command.
		cwd: its working folder.
		env: its whole environment.
		log: takes its output.
		ready: whether it serves; called until true.
		timeout: seconds it may take to become ready.
	"""

	def __init__(
		self,
		name: str,
		argv: Sequence[str | Path],
		*,
		cwd: Path,
		env: Mapping[str, str],
		log: Path,
		ready: Callable[["Process"], bool],
		timeout: float = 60,
	):
		self.name = name
		self.argv = [str(word) for word in argv]
		self.cwd = cwd
		self.env = dict(env)
		self.log = log
		self.ready = ready
		self.timeout = timeout
		self.process: subprocess.Popen[bytes] | None = None
		self.log_start = 0

	@property
	def pid(self) -> int:
		"""The process id.

		Raises:
			DevError: it was not started.
		"""
		if not self.process:
			raise DevError(f"{self.name} was not started")
		return self.process.pid

	@property
	def alive(self) -> bool:
		"""Whether it runs."""
		return self.process is not None and self.process.poll() is None

	def output(self) -> str:
		"""What it has printed since its last start."""
		if not self.log.exists():
			return ""
		with self.log.open("rb") as file:
			file.seek(self.log_start)
			return file.read().decode(errors="replace")

	def launch(self) -> "Process":
		"""Start without waiting."""
		if self.alive:
			return self
		self.log.parent.mkdir(parents=True, exist_ok=True)
		self.log_start = self.log.stat().st_size if self.log.exists() else 0
		with self.log.open("ab") as log:
			self.process = subprocess.Popen(
				guarded(self.argv),
				cwd=self.cwd,
				env=self.env,
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=subprocess.STDOUT,
				start_new_session=True,
			)
		_started.append(self)
		return self

	def wait_ready(self) -> "Process":
		"""Wait until it serves.

		Raises:
			DevError: it ended, or took too long.
		"""
		if not wait_until(lambda: not self.alive or self.ready(self), self.timeout) or not self.alive:
			code = self.process.poll() if self.process else None
			why = f"ended with {code}" if code is not None else f"was not ready after {self.timeout:.0f} s"
			self.kill()
			raise DevError(f"{self.name} {why}\n--- end of {self.log} ---\n{tail(self.log)}")
		return self

	def start(self) -> "Process":
		"""Start and wait until it serves."""
		return self.launch().wait_ready()

	def signal(self, signum: int) -> None:
		"""Send a signal to the process and all its children, those in other process groups too."""
		for pid in session_members(self.pid):
			try:
				os.kill(pid, signum)
			except ProcessLookupError:
				continue

	def kill(self) -> None:
		"""SIGKILL the process and all its children, as a crash of the machine would."""
		if not self.process:
			return
		self.signal(signal.SIGKILL)
		self.process.wait()
		self.signal(signal.SIGKILL)  # whatever it had forked in between

	def stop(self, timeout: float = 8) -> None:
		"""End it in order; by force when it takes too long."""
		if self.process and self.alive:
			self.process.terminate()
			try:
				self.process.wait(timeout)
			except subprocess.TimeoutExpired:
				pass
		self.kill()
		if self in _started:
			_started.remove(self)

	def restart(self) -> "Process":
		"""Stop it and start it again, on the same port."""
		self.stop()
		return self.start()


_started: list[Process] = []
_owner = os.getpid()


def stop_all() -> None:
	"""End every process that this one started."""
	if os.getpid() != _owner:
		return  # a fork of the owner: not its business
	for process in _started:
		if process.process and process.alive:
			process.process.terminate()
	for process in _started:
		process.stop(3)


atexit.register(stop_all)


def exit_on_signals() -> None:
	"""Make SIGTERM and SIGHUP end this process in order, so that what it started is stopped."""
	if threading.current_thread() is threading.main_thread():
		for signum in (signal.SIGTERM, signal.SIGHUP):
			signal.signal(signum, _leave)


def _leave(signum: int, _frame: object) -> None:
	signal.signal(signum, signal.SIG_DFL)  # a second one ends it at once
	raise SystemExit(128 + signum)


def session_members(leader: int) -> list[int]:
	"""The live processes of a session, and their children in sessions of their own: a worker's horse is one."""
	parents: dict[int, int] = {}
	found: set[int] = set()
	for entry in os.listdir("/proc"):
		if not entry.isdigit():
			continue
		try:
			with open(f"/proc/{entry}/stat") as file:
				fields = file.read().rpartition(")")[2].split()
		except OSError:
			continue
		if fields[0] == "Z":
			continue
		parents[int(entry)] = int(fields[1])
		if fields[3] == str(leader):
			found.add(int(entry))
	while children := {pid for pid, parent in parents.items() if parent in found} - found:
		found |= children
	return sorted(found)


def http_status(url: str, timeout: float = 5) -> int | None:
	"""The status of a GET; None if nobody answers."""
	try:
		with _opener.open(url, timeout=timeout) as answer:
			return answer.status
	except urllib.error.HTTPError as error:
		return error.code
	except OSError:
		return None


def web_server(
	bench: Bench,
	site: str,
	*,
	port: int | None = None,
	workers: int = 2,
	threads: int = 4,
	log: Path | None = None,
) -> Process:
	"""Gunicorn with the framework's application for one site, its assets and public files included.

	Args:
		bench: the bench.
		site: the site to serve, whatever the host name.
		port: the port; a free one by default. The process keeps it over restarts as `.port`.
		workers: gunicorn's worker processes.
		threads: threads in each.
		log: the log file.
	"""
	port = port or free_port()
	options = ["--bind", f"{LOOPBACK}:{port}", "--workers", str(workers), "--threads", str(threads)]
	options += [
		"--worker-class",
		"gthread",
		"--timeout",
		"120",
		"--graceful-timeout",
		"3",
		"--keep-alive",
		"30",
	]
	process = Process(
		"web",
		[bench.python, "-m", "gunicorn", *options, "--preload", "dev.wsgi:application"],
		cwd=bench.sites_path,
		env=bench.environment({"BANK_API_SITE": site}),
		log=log or bench.logs / f"{site}-web.log",
		ready=lambda _: http_status(f"http://{LOOPBACK}:{port}/api/method/ping") == 200,
	)
	process.port = port  # type: ignore[attr-defined]
	return process


def worker(
	bench: Bench, site: str, *, queues: str = QUEUES, number: int = 1, log: Path | None = None
) -> Process:
	"""A background worker. Queues belong to the bench, so it works for every site of it."""
	return Process(
		"worker" if number == 1 else f"worker{number}",
		[bench.python, "-m", "frappe.utils.bench_helper", "frappe", "worker", "--queue", queues],
		cwd=bench.sites_path,
		env=bench.environment(),
		log=log or bench.logs / f"{site}-worker{number if number > 1 else ''}.log",
		ready=lambda started: "Listening on" in started.output(),
	)


def scheduler(bench: Bench, site: str, *, log: Path | None = None) -> Process:
	"""The scheduler, of this site alone."""
	return Process(
		"scheduler",
		[bench.python, "-m", "dev.inside", "schedule", site],
		cwd=bench.sites_path,
		env=bench.environment(),
		log=log or bench.logs / f"{site}-scheduler.log",
		ready=_survives(2.0),
	)


def sandbox(
	bench: Bench,
	data: Path,
	*,
	port: int | None = None,
	arguments: Sequence[str] = (),
	log: Path | None = None,
) -> Process:
	"""The simulated providers: `python -m bank_api.sandbox`.

	The process keeps its ports over restarts as `.port`, `.migdal_port` and so on, one for each of `SANDBOX_PORTS`.
	"""
	port = port or free_port()
	ports = {"--port": port, **{f"--{name}": free_port() for name in SANDBOX_PORTS}}
	data.mkdir(parents=True, exist_ok=True)
	process = Process(
		"sandbox",
		[
			bench.python,
			"-m",
			"bank_api.sandbox",
			*(word for name, number in ports.items() for word in (name, str(number))),
			"--data-dir",
			data,
			*arguments,
		],
		cwd=REPO,
		env=bench.environment(),
		log=log or data / "sandbox.log",
		ready=lambda started: bool(re.search(r"^ready http", started.output(), re.M)),
	)
	process.port = port  # type: ignore[attr-defined]
	for name in SANDBOX_PORTS:
		setattr(process, name.replace("-", "_"), ports[f"--{name}"])
	process.data = data  # type: ignore[attr-defined]
	return process


def _survives(seconds: float) -> Callable[[Process], bool]:
	"""Ready when it has run for a while, for a process that tells nobody."""
	began: dict[int, float] = {}

	def check(process: Process) -> bool:
		return time.monotonic() - began.setdefault(process.pid, time.monotonic()) > seconds

	return check
