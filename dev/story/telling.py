"""How the story is told: a line a step, with what came of it and how long it took, and a table at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import Any

from dev.errors import DevError

RESULT_WIDTH = 60


class Telling:
	"""Prints the steps as they happen and remembers them for the table."""

	def __init__(self) -> None:
		self.steps: list[tuple[str, str, float]] = []
		self.began = time.monotonic()

	def chapter(self, title: str) -> None:
		"""Begin a chapter."""
		print(f"\n{title}\n{'─' * len(title)}", flush=True)

	@contextmanager
	def step(self, title: str) -> Iterator["Step"]:
		"""One step; what is said in it stands behind its title."""
		step = Step()
		began = time.monotonic()
		print(f"{len(self.steps) + 1:3}. {title} …", end=" ", flush=True)
		try:
			yield step
		except BaseException:
			print("FAILED", flush=True)
			raise
		seconds = time.monotonic() - began
		print(f"{step.text}  ({seconds:.2f} s)", flush=True)
		for line in step.details:
			print(f"       {line}", flush=True)
		self.steps.append((title, step.text, seconds))

	def failed(self, why: str) -> None:
		"""Say what went wrong."""
		print(f"\nThe story stopped: {why}", flush=True)

	def table(self) -> None:
		"""Sum up."""
		width = max(len(title) for title, _, _ in self.steps)
		print(f"\n{'step':{width}}  seconds  result")
		for title, text, seconds in self.steps:
			print(f"{title:{width}}  {seconds:7.2f}  {shorten(text, RESULT_WIDTH, placeholder=' …')}")
		print(
			f"{'all steps':{width}}  {time.monotonic() - self.began:7.2f}  everything came out right",
			flush=True,
		)


class Step:
	"""What a step has to say."""

	def __init__(self) -> None:
		self.text = "done"
		self.details: list[str] = []

	def say(self, text: str, *details: str) -> None:
		"""The result in a line, and further lines below it."""
		self.text = text
		self.details.extend(details)


def wait_for(what: str, look: Callable[[], Any], seconds: float = 90) -> Any:
	"""Look until there is something to see.

	Args:
		what: what is waited for, for the error.
		look: answers something true when it is there.
		seconds: how long to wait.

	Returns:
		what `look` answered.

	Raises:
		DevError: it did not come in time.
	"""
	end = time.monotonic() + seconds
	while time.monotonic() < end:
		if found := look():
			return found
		time.sleep(0.1)
	raise DevError(f"{what} did not come within {seconds:.0f} seconds")
