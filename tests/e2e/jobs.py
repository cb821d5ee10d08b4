"""Sync jobs in processes of their own (see killable.py), driven line by line."""

import os
import signal
import subprocess
import time
from pathlib import Path

from installation import Installation

KILLED = -signal.SIGKILL


class Jobs:
	"""A process that runs sync jobs in forks of itself."""

	def __init__(self, installation: Installation):
		bench = installation.stack.bench
		self.log = (installation.stack.folder / "logs" / "jobs.log").open("w")
		self.process = subprocess.Popen(
			[bench.python, Path(__file__).with_name("killable.py"), installation.stack.site],
			cwd=bench.sites_path,
			env=bench.environment(),
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			stderr=self.log,
			text=True,
		)

	def run(self, item: str, point: str = "nowhere", kill_after: float | None = None) -> tuple[int, float]:
		"""Run one job; its exit status, and how many seconds it took."""
		assert self.process.stdin and self.process.stdout
		self.process.stdin.write(f"{item} {point}\n")
		self.process.stdin.flush()
		word, pid = self.process.stdout.readline().split()
		assert word == "started"
		began = time.monotonic()
		if kill_after is not None:
			time.sleep(kill_after)
			try:
				os.kill(int(pid), signal.SIGKILL)
			except ProcessLookupError:
				pass  # it was done before
		word, status = self.process.stdout.readline().split()
		assert word == "ended"
		return int(status), time.monotonic() - began

	def close(self) -> None:
		"""End."""
		assert self.process.stdin
		self.process.stdin.close()
		self.process.wait(20)
		self.log.close()
