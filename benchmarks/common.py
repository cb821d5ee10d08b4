"""What the benchmarks share: a caller, alternating measurement, a server with rivals, and what the machine is."""

import http.client
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

RIVALS = "frappe.bank_api_benchmark_rivals"
"""Where `benchmarks.wsgi` puts `benchmarks.rivals`: the framework only calls what lies in an installed app."""


class Caller:
	"""A client on a kept-alive connection.

	Args:
		url: the web server's address.
		key: `api_key:api_secret`.
	"""

	def __init__(self, url: str, key: str):
		self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
		self._headers = {"Authorization": f"token {key}"}

	def get(self, path: str) -> bytes:
		"""The body of an answer.

		Raises:
			AssertionError: its status is not 200.
		"""
		self._connection.request("GET", path, headers=self._headers)
		answer = self._connection.getresponse()
		body = answer.read()
		if answer.status != 200:
			raise AssertionError(f"{path}: {answer.status} {body[:500]!r}")
		return body

	def seconds(self, path: str) -> float:
		"""How long an answer takes, from the request to its last byte."""
		began = time.perf_counter()
		self.get(path)
		return time.perf_counter() - began

	def message(self, path: str) -> Any:
		"""The `message` of an answer."""
		return json.loads(self.get(path))["message"]

	def close(self) -> None:
		"""End the connection."""
		self._connection.close()


def alternate(
	first: Callable[[], float], second: Callable[[], float], repetitions: int
) -> tuple[float, float]:
	"""Two measurements in turns, so that whatever else the machine does meets both; their medians."""
	pairs = [(first(), second()) for _ in range(repetitions)]
	return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


@contextmanager
def connected(stack: Any) -> Iterator[Any]:
	"""`frappe`, connected to a stack's site as Administrator."""
	import frappe

	os.chdir(stack.bench.sites_path)  # Frappe's logs are named relative to it
	frappe.init(stack.site, sites_path=str(stack.bench.sites_path))
	frappe.connect()
	frappe.set_user("Administrator")
	try:
		yield frappe
	finally:
		frappe.destroy()


@contextmanager
def server_with_rivals(stack: Any) -> Iterator[str]:
	"""Another web server on the stack's site, the same in all but that it also answers `benchmarks.rivals`."""
	from dev.processes import web_server

	process = web_server(stack.bench, stack.site, log=stack.folder / "logs" / "rivals.log")
	process.argv[-1] = "benchmarks.wsgi:application"
	process.start()
	try:
		yield f"http://127.0.0.1:{process.port}"  # type: ignore[attr-defined]
	finally:
		process.stop()


def machine() -> dict[str, Any]:
	"""The processor, its cores and the memory."""
	with open("/proc/cpuinfo") as file:
		names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
	with open("/proc/meminfo") as file:
		kilobytes = int(file.readline().split()[1])
	return {
		"processor": names[0] if names else platform.processor(),
		"cores": os.cpu_count(),
		"memory_gb": round(kilobytes / 1024**2, 1),
		"system": platform.platform(),
		"load_before": round(os.getloadavg()[0], 2),
	}


def versions(stack: Any) -> dict[str, str]:
	"""What was measured, and on what."""
	import frappe

	import bank_api

	found = {
		"bank_api": bank_api.__version__,
		"frappe": frappe.__version__,
		"python": platform.python_version(),
	}
	found["database"] = str(stack.bench.database.query("SELECT VERSION()")).strip()
	for name in ("PyMySQL", "mysqlclient", "gunicorn", "redis", "requests"):
		try:
			found[name] = metadata.version(name)
		except metadata.PackageNotFoundError:
			continue
	return found
