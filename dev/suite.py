"""The whole test suite as sessions of pytest side by side, each with servers of its own: some tests kill theirs.

No session keeps more than about one processor busy. More than two at a time take as long on two processors, and wait for
each other.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from dev.bench import ANNEX, Bench
from dev.paths import REPO
from dev.shell import environment, guarded

BESIDE = {"e2e": ("tests/unit", "tests/e2e")}
"""What runs on an annex of the bench, by its name; all other tests run on the bench itself. Both take about as long."""
_LOOKS_ONLY = ("-q", "-v", "-r", "--tb", "--color", "--durations")


def is_whole(arguments: Sequence[str]) -> bool:
	"""Whether these arguments of pytest's choose no tests, and only say how the outcome looks."""
	return all(word.startswith(_LOOKS_ONLY) for word in arguments)


def run(bench: Bench, arguments: Sequence[str]) -> int:
	"""Run all tests. What the sessions beside the first say is printed when it has ended.

	Args:
		bench: an embedded bench.
		arguments: for pytest; see `is_whole`.

	Returns:
		The exit status, 0 if all sessions passed.
	"""
	with ExitStack() as stack:
		beside = [stack.enter_context(_Session(bench, name, arguments)) for name in BESIDE]
		ignored = [f"--ignore={path}" for paths in BESIDE.values() for path in paths]
		status = bench.call("-m", "pytest", "tests", *ignored, *arguments)
		return max([status, *(session.follow() for session in beside)], key=abs)


class _Session:
	"""A session of pytest on an annex, which ends with the block at the latest."""

	def __init__(self, bench: Bench, name: str, arguments: Sequence[str]):
		self.what = " and ".join(BESIDE[name])
		self.log = bench.logs / f"tests-{name}.log"
		print(f"{self.what}: running beside the others, output at the end ({self.log})", flush=True)
		with self.log.open("wb") as output:
			self.process = subprocess.Popen(
				guarded([sys.executable, "-m", "dev", "test", *BESIDE[name], *arguments]),
				cwd=REPO,
				env=environment({ANNEX: name}),
				stdin=subprocess.DEVNULL,
				stdout=output,
				stderr=subprocess.STDOUT,
			)

	def __enter__(self) -> "_Session":
		return self

	def __exit__(self, *_exception: object) -> None:
		if self.process.poll() is None:
			self.process.terminate()
			self.process.wait(60)

	def follow(self) -> int:
		"""Print what it has written and still writes; its exit status."""
		print(f"\n{self.what}:", flush=True)
		with self.log.open(errors="replace") as written:
			while True:
				ended = self.process.poll()
				text = written.read()
				print(text, end="", flush=True)
				if ended is not None:
					return ended
				if not text:
					time.sleep(0.5)
