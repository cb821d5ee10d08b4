"""Processes that die where a test asks for it (SIGKILL): web server, worker, scheduler, each with a mark of its own.

A file `$DEADLY_FOLDER/ROLE/STEP` is a wish: the process of that role that comes to that step next takes it, and dies. Before
each step every process waits for a moment of random length, so that others come in between.

`python deadly.py worker` is a stock worker; `python deadly.py ticker SITE` does the scheduler's duties for payments over and
over, each time in a fork, as if minutes had passed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from bank_api.gateway import durable

FOLDER = "DEADLY_FOLDER"
LONGEST_PAUSE = 0.02
EVERY = 0.5
_PARENT = os.getppid()


def arm(role: str) -> None:
	"""Put the mark in place; forks inherit it."""
	folder = Path(os.environ[FOLDER]) / role

	def mark(step: str) -> None:
		# Forks share the state of `random`, which would let them wait in step.
		time.sleep(int.from_bytes(os.urandom(2), "big") / 65536 * LONGEST_PAUSE)
		try:
			(folder / step).unlink()
		except FileNotFoundError:
			return
		os.kill(os.getpid(), signal.SIGKILL)

	durable.mark = mark


def work() -> None:
	"""A stock worker, with what its jobs need loaded before it forks."""
	from frappe.utils.background_jobs import start_worker

	from bank_api.gateway import delivery, payment_duties

	assert delivery and payment_duties, "they are loaded for the forks"
	arm("worker")
	start_worker(queue="long,default,short")


def tick_for_ever(site: str) -> None:
	"""The duties, each turn in a fork of its own; what waits for its time is due at every turn."""
	import frappe

	from bank_api.gateway import payment_duties

	assert frappe and payment_duties, "they are loaded for the forks"
	arm("ticker")
	while os.getppid() == _PARENT:
		pid = os.fork()
		if not pid:
			status = 1
			try:
				tick(site)
				status = 0
			except Exception as error:  # the database is away, say: the next turn finds it
				print(type(error).__name__, error, file=sys.stderr)
			finally:
				sys.stderr.flush()
				os._exit(status)
		os.waitpid(pid, 0)
		time.sleep(EVERY)


def tick(site: str) -> None:
	"""One turn."""
	import frappe

	from bank_api.gateway import payment_duties

	frappe.init(site, sites_path=os.getcwd())
	frappe.connect()
	frappe.set_user("Administrator")
	table = "`tabBank API Payment Batch`"
	frappe.db.sql(f"UPDATE {table} SET next_try_at = '2020-01-01' WHERE next_try_at IS NOT NULL")
	if random.random() < 0.5:
		frappe.db.sql(
			f"UPDATE {table} SET next_check_at = '2020-01-01' WHERE next_check_at IS NOT NULL AND state = 'Unknown'"
		)
	frappe.db.commit()
	payment_duties.tick()
	frappe.db.commit()
	frappe.destroy()


if __name__ == "__main__":
	if sys.argv[1] == "worker":
		work()
	else:
		tick_for_ever(sys.argv[2])
