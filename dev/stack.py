"""A whole installation as processes: web server, workers, scheduler, and the simulated providers."""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from dev import processes
from dev.bench import Bench
from dev.errors import DevError
from dev.processes import Process
from dev.services import LOOPBACK

SPEAKS_TO_ITS_MACHINE = {"bank_api_allow_http": 1, "bank_api_allow_private_webhooks": 1}
"""The simulated providers and the client sites of tests have no certificates of public authorities, nor public addresses."""


class Stack:
	"""The processes around one site.

	Example:
		```python
	        bench = Bench.current()
	        with Stack(bench, fresh_site(bench, "e2e.localhost")).start(worker=2) as stack:
	            requests.get(stack.url + "/api/method/ping")
	            stack.kill("worker")
	            stack.restart("worker")
		```

	Attributes:
		bench: the bench.
		site: the site.
		folder: logs and the sandbox's data.
		processes: the processes by name: `web`, `worker`, `worker2` …, `scheduler`, `sandbox`.
	"""

	def __init__(self, bench: Bench, site: str, *, folder: Path | None = None):
		self.bench = bench
		self.site = site
		self.folder = folder or bench.work / "stacks" / site
		self.processes: dict[str, Process] = {}

	def start(
		self,
		*,
		web: bool = True,
		worker: bool | int = True,
		scheduler: bool = False,
		sandbox: bool = True,
		web_workers: int = 2,
		web_threads: int = 4,
		web_port: int | None = None,
		sandbox_arguments: Sequence[str] = (),
		keep_data: bool = False,
	) -> "Stack":
		"""Start the processes asked for, all at once, and wait until each serves.

		Args:
			web: the web server.
			worker: a background worker, or how many.
			scheduler: the scheduler's loop; `tick` runs it once by hand.
			sandbox: the simulated providers.
			web_workers: gunicorn's processes.
			web_threads: threads in each.
			web_port: the web server's port; a free one by default.
			sandbox_arguments: more for the sandbox's command line.
			keep_data: keep the sandbox's data of an earlier stack on this site.

		Raises:
			DevError: one did not come up; the others are stopped again.
		"""
		self.bench.ensure_services()
		logs = self.folder / "logs"
		shutil.rmtree(logs, ignore_errors=True)
		if not keep_data:
			shutil.rmtree(self.folder / "sandbox", ignore_errors=True)
		logs.mkdir(parents=True)
		bench, site, chosen = self.bench, self.site, []
		if sandbox:
			data = self.folder / "sandbox"
			chosen.append(
				processes.sandbox(bench, data, arguments=sandbox_arguments, log=logs / "sandbox.log")
			)
		if web:
			chosen.append(
				processes.web_server(
					bench, site, port=web_port, workers=web_workers, threads=web_threads, log=logs / "web.log"
				)
			)
		chosen += [
			processes.worker(bench, site, number=number, log=logs / f"worker{number}.log")
			for number in range(1, int(worker) + 1)
		]
		if scheduler:
			chosen.append(processes.scheduler(bench, site, log=logs / "scheduler.log"))
		self.processes = {process.name: process for process in chosen}
		# Before anything starts: a web server of Frappe 16 reads a site's configuration once a minute.
		own = {"host_name": self.url} if web else {}
		bench.set_site_config(site, **own, **SPEAKS_TO_ITS_MACHINE)
		try:
			for process in chosen:
				process.launch()
			for process in chosen:
				process.wait_ready()
		except BaseException:
			self.stop()
			raise
		return self

	@property
	def url(self) -> str:
		"""The web server's address."""
		return self._address("web")

	@property
	def sandbox_url(self) -> str:
		"""The simulated providers' address."""
		return self._address("sandbox")

	@property
	def migdal_url(self) -> str:
		"""The address of the simulated Migdal's API, over mutual TLS."""
		return f"https://{LOOPBACK}:{self['sandbox'].migdal_port}"  # type: ignore[attr-defined]

	@property
	def migdal_pages_url(self) -> str:
		"""The address of the simulated Migdal's pages."""
		return f"http://{LOOPBACK}:{self['sandbox'].migdal_pages_port}"  # type: ignore[attr-defined]

	@property
	def quanto_url(self) -> str:
		"""The address of the simulated Quanto's API and pages."""
		return f"http://{LOOPBACK}:{self['sandbox'].quanto_port}"  # type: ignore[attr-defined]

	@property
	def banks_url(self) -> str:
		"""The address of the Open Finance banks behind the simulated Quanto."""
		return f"http://{LOOPBACK}:{self['sandbox'].banks_port}"  # type: ignore[attr-defined]

	@property
	def kb_url(self) -> str:
		"""The address of the simulated KB's software statements, over mutual TLS."""
		return f"https://{LOOPBACK}:{self['sandbox'].kb_port}"  # type: ignore[attr-defined]

	@property
	def kb_api_url(self) -> str:
		"""The address of the simulated KB's APIs and token endpoint."""
		return f"http://{LOOPBACK}:{self['sandbox'].kb_api_port}"  # type: ignore[attr-defined]

	@property
	def kb_pages_url(self) -> str:
		"""The address of the simulated KB's pages: registration, consent, the bank's channel."""
		return f"http://{LOOPBACK}:{self['sandbox'].kb_pages_port}"  # type: ignore[attr-defined]

	@property
	def kb_ca(self) -> str:
		"""The test authority of the simulated KB's server, as PEM."""
		return (self["sandbox"].data / "kb" / "ca.pem").read_text()  # type: ignore[attr-defined]

	@property
	def migdal_ca(self) -> str:
		"""The test authority to trust, as PEM."""
		return (self["sandbox"].data / "migdal" / "ca.pem").read_text()  # type: ignore[attr-defined]

	def _address(self, name: str) -> str:
		return f"http://{LOOPBACK}:{self[name].port}"  # type: ignore[attr-defined]

	def __getitem__(self, name: str) -> Process:
		"""A process by name.

		Raises:
			DevError: this stack has none of this name.
		"""
		if name not in self.processes:
			raise DevError(f"this stack has no {name}: it has {', '.join(self.processes) or 'nothing'}")
		return self.processes[name]

	def kill(self, name: str) -> None:
		"""SIGKILL a process and its children."""
		self[name].kill()

	def restart(self, name: str) -> None:
		"""Stop a process if it runs, start it again on the same port, wait until it serves."""
		self[name].restart()

	def tick(self) -> None:
		"""One turn of the scheduler: what is due is enqueued."""
		self.bench.run("-m", "dev.inside", "tick", self.site, log=self.folder / "logs" / "tick.log")

	def log(self, name: str) -> str:
		"""What a process has printed since its last start."""
		return self[name].output()

	def stop(self) -> None:
		"""End all processes, and take the site's jobs out of the queues that other sites of the bench share."""
		for process in self.processes.values():
			if process.process and process.alive:
				process.process.terminate()
		for process in self.processes.values():
			process.stop()
		with contextlib.suppress(DevError):
			self.bench.run("-m", "dev.inside", "purge", self.site, log=self.folder / "logs" / "purge.log")

	def __enter__(self) -> "Stack":
		return self

	def __exit__(self, *_exception: object) -> None:
		self.stop()
