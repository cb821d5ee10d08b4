"""Sync jobs that can be killed: `python killable.py SITE`, one line `ITEM POINT` on stdin for each job.

A job runs in a fork, so that it starts at once: `started PID` is printed before it, `ended STATUS` after it. POINT
is where it kills itself: `nowhere`, `before_finish` (rows are committed, the client is not told), `before_wake` (the
event is committed, nobody has been asked to send it).
"""

import os
import signal
import sys
from typing import Any

import frappe

from bank_api.gateway import sync_job, wake


def die(*_arguments: Any, **_options: Any) -> None:
	"""End as a crash would."""
	os.kill(os.getpid(), signal.SIGKILL)


def job(site: str, item: str, point: str) -> None:
	"""Run one sync as a worker would."""
	frappe.init(site, sites_path=os.getcwd())
	frappe.connect()
	frappe.set_user("Administrator")
	if point == "before_finish":
		sync_job.ItemSync._finish = die
	elif point == "before_wake":
		finish = sync_job.ItemSync._finish

		def finish_and_die(self: sync_job.ItemSync, *arguments: Any) -> None:
			wake.wake = die
			finish(self, *arguments)

		sync_job.ItemSync._finish = finish_and_die
	print(f"started {os.getpid()}", flush=True)
	sync_job.run(item)
	frappe.db.commit()
	frappe.destroy()


def main(site: str) -> None:
	"""Fork for each line."""
	for line in sys.stdin:
		item, point = line.split()
		pid = os.fork()
		if not pid:
			status = 1
			try:
				job(site, item, point)
				status = 0
			finally:
				sys.stderr.flush()
				os._exit(status)
		_, status = os.waitpid(pid, 0)
		print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
	main(sys.argv[1])
