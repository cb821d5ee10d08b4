"""A trace of each sending outside of the database: a backup that is restored knows nothing of what was sent after it was made.

What is about to be sent leaves an empty file in the site's folder, named by its identification, which is unique for good. The
file is made once, whoever tries. If it is there already, then the database has gone back to a time before: the bank may have
the batch, so it is not sent but in doubt. A caller's key leaves such a file too: a key that the database has lost makes no
second batch. No backup of Frappe holds this folder, and no restoring empties it.
"""

import hashlib
import os
import time
from itertools import islice
from pathlib import Path

import frappe

FOLDER = ("private", "bank_api_sent")
KEPT_SECONDS = 3 * 24 * 3600
"""Longer than a batch may wait to be sent (`payment_sending.SEND_WITHIN`): an older backup has nothing left to send."""
KEY_KEPT_SECONDS = 100 * 24 * 3600
"""Callers repeat themselves for longer than a batch waits, and older backups are restored."""
MOST_A_TURN = 500_000
_KEY = "key-"


def begin(exchange_id: str) -> bool:
	"""Leave the trace, durably.

	Args:
		exchange_id: our identification of what is sent; letters and digits.

	Returns:
		Whether there was none: False means that this was sent before, and the database does not know it.

	Raises:
		OSError: it cannot be left. Then nothing may be sent.
	"""
	return _leave(exchange_id)


def undo(exchange_id: str) -> None:
	"""Nothing of it has arrived for certain: take the trace away, before the database says that it may be sent again."""
	try:
		(_folder() / exchange_id).unlink(missing_ok=True)
	except OSError:
		# It stays, so the next attempt is in doubt: a human has to look, and nobody pays twice.
		frappe.logger("bank_api").warning(f"The trace of {exchange_id} cannot be taken away")


def begin_key(client: str, key: str) -> None:
	"""Leave the trace of a caller's key, durably: something of its batch is about to be sent.

	Args:
		client: name of the Bank API Client.
		key: the caller's own name of the batch.

	Raises:
		OSError: it cannot be left. Then nothing may be sent.
	"""
	_leave(_of_key(client, key))


def knows_key(client: str, key: str) -> bool:
	"""Whether something was sent under a caller's key, as far back as traces are kept."""
	return (_folder() / _of_key(client, key)).exists()


def _of_key(client: str, key: str) -> str:
	return _KEY + hashlib.sha256(f"{client}\0{key}".encode()).hexdigest()


def _leave(name: str) -> bool:
	folder = _folder()
	folder.mkdir(mode=0o700, parents=True, exist_ok=True)
	try:
		descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
	except FileExistsError:
		return False
	try:
		os.fsync(descriptor)
		_sync(folder)
	except OSError:
		undo(name)
		raise
	finally:
		os.close(descriptor)
	return True


def clean_up() -> None:
	"""Take away traces that no batch needs any more (scheduler)."""
	now = time.time()
	try:
		with os.scandir(_folder()) as entries:
			old = [entry.path for entry in islice(entries, MOST_A_TURN) if _is_old(entry, now)]
	except FileNotFoundError:
		return
	for path in old:
		Path(path).unlink(missing_ok=True)


def _is_old(entry: os.DirEntry, now: float) -> bool:
	kept = KEY_KEPT_SECONDS if entry.name.startswith(_KEY) else KEPT_SECONDS
	try:
		return entry.stat().st_mtime < now - kept
	except OSError:
		return False


def _folder() -> Path:
	return Path(frappe.get_site_path(*FOLDER))


def _sync(folder: Path) -> None:
	descriptor = os.open(folder, os.O_RDONLY)
	try:
		os.fsync(descriptor)
	finally:
		os.close(descriptor)
