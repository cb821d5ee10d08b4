"""Progress lines a person can follow."""

import time
from collections.abc import Callable
from pathlib import Path

from dev.files import write_atomic


class Progress:
	"""Numbered steps, each done once: a step with a marker file is not repeated.

	Args:
		what: what is being built.
		markers: the folder of the done-markers.
		total: how many steps there are.
	"""

	def __init__(self, what: str, markers: Path, total: int):
		self.what = what
		self.markers = markers
		self.total = total
		self.number = 0
		self.started = time.monotonic()
		self.worked = False

	def step(self, name: str, title: str, action: Callable[[], None], *, stamp: str = "done") -> None:
		"""Do a step unless its marker already carries `stamp`."""
		self.number += 1
		marker = self.markers / name
		if marker.exists() and marker.read_text() == stamp:
			return
		if not self.worked:
			print(f"building {self.what}", flush=True)
			self.worked = True
		print(f"[{self.number}/{self.total}] {title} …", flush=True)
		began = time.monotonic()
		action()
		write_atomic(marker, stamp)
		print(f"[{self.number}/{self.total}] {title}: {time.monotonic() - began:.1f} s", flush=True)

	def close(self) -> None:
		"""Say how long all took, if anything was done."""
		if self.worked:
			print(f"{self.what} is ready ({time.monotonic() - self.started:.0f} s)", flush=True)
