"""The whole test suite as two runs side by side: the tests that kill servers do so on servers of their own.

Each run by itself keeps about one processor busy, so that two take little more than half the time.
"""

import subprocess
import sys
import time
from pathlib import Path

from dev.bench import ANNEX, Bench
from dev.paths import REPO
from dev.shell import environment, guarded

BESIDE = ("tests/e2e", "tests/browser")
_LOOKS_ONLY = ("-q", "-v", "-r", "--tb", "--color", "--durations")


def is_whole(arguments: list[str]) -> bool:
	"""Whether these arguments of pytest's choose no tests, and only say how the outcome looks."""
	return all(word.startswith(_LOOKS_ONLY) for word in arguments)


def run(bench: Bench, arguments: list[str]) -> int:
	"""Run all tests, some of them on an annex of the bench, whose output comes when the others are done.

	Args:
		bench: an embedded bench.
		arguments: for pytest; see `is_whole`.

	Returns:
		The exit status, 0 if both runs passed.
	"""
	log = bench.logs / "tests-beside.log"
	words = guarded([sys.executable, "-m", "dev", "test", *BESIDE, *arguments])
	with log.open("wb") as output:
		beside = subprocess.Popen(
			words,
			cwd=REPO,
			env=environment({ANNEX: "beside"}),
			stdin=subprocess.DEVNULL,
			stdout=output,
			stderr=subprocess.STDOUT,
		)
	try:
		print(
			f"{' and '.join(BESIDE)} run beside the others; their output follows at the end ({log})",
			flush=True,
		)
		status = bench.call("-m", "pytest", "tests", *(f"--ignore={path}" for path in BESIDE), *arguments)
		print(f"\n{' and '.join(BESIDE)}:", flush=True)
		return max(status, _follow(beside, log), key=abs)
	finally:
		if beside.poll() is None:
			beside.terminate()
			beside.wait(60)


def _follow(process: subprocess.Popen[bytes], log: Path) -> int:
	"""Print what a process has written and still writes; its exit status."""
	with log.open(errors="replace") as written:
		while True:
			ended = process.poll()
			text = written.read()
			print(text, end="", flush=True)
			if ended is not None:
				return ended
			if not text:
				time.sleep(0.5)
