"""Small file helpers that survive being killed half-way."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dev.errors import DevError


def write_atomic(path: Path, text: str, mode: int = 0o644) -> None:
	"""Write `text` under a temporary name, then rename: readers see the old or the new file, never half."""
	path.parent.mkdir(parents=True, exist_ok=True)
	temporary = path.with_name(f".{path.name}.{os.getpid()}")
	with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
		file.write(text)
	os.replace(temporary, path)


def read_json(path: Path) -> dict[str, Any]:
	"""The JSON object in a file; empty if there is none."""
	return json.loads(path.read_text()) if path.exists() else {}


def write_json(path: Path, value: dict[str, Any], mode: int = 0o644) -> None:
	"""Write a JSON object atomically."""
	write_atomic(path, json.dumps(value, indent=1, sort_keys=True) + "\n", mode)


def digest(*parts: str | bytes | Path) -> str:
	"""Twelve hex digits over strings and file contents."""
	total = hashlib.sha256()
	for part in parts:
		data = part.read_bytes() if isinstance(part, Path) else part
		data = data.encode() if isinstance(data, str) else data
		total.update(len(data).to_bytes(8, "big") + data)
	return total.hexdigest()[:12]


def try_lock(path: Path) -> IO[str] | None:
	"""An exclusive lock that dies with its holder, or None if someone has it. Keep the file to keep the lock."""
	path.parent.mkdir(parents=True, exist_ok=True)
	file = open(path, "a")
	try:
		fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except OSError:
		file.close()
		return None
	return file


@contextmanager
def locked(path: Path, waiting_for: str, timeout: float = 1800) -> Iterator[None]:
	"""Hold a lock during the block; say so once if it has to be waited for.

	Args:
		path: the lock file.
		waiting_for: what the other holder is doing, for the message.
		timeout: seconds after which to give up.

	Raises:
		DevError: the lock was not free in time.
	"""
	started = time.monotonic()
	told = False
	while (lock := try_lock(path)) is None:
		if not told:
			print(f"waiting: another process is {waiting_for} ({path})", flush=True)
			told = True
		if time.monotonic() - started > timeout:
			raise DevError(f"gave up after {timeout:.0f} s: another process is still {waiting_for} ({path})")
		time.sleep(0.2)
	with lock:
		yield
