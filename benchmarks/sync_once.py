"""`python -m benchmarks.sync_once SITE ITEM`: one sync job in a process of its own, as a worker would run it.

Prints one JSON line: seconds of the job, rows now stored of the item, and the process's peak memory in MB.
"""

import json
import os
import sys
import time
from pathlib import Path

import frappe


def peak_mb() -> float:
	"""This process's peak resident memory; unlike `ru_maxrss` it owes nothing to the process it was forked from."""
	for line in Path("/proc/self/status").read_text().splitlines():
		if line.startswith("VmHWM:"):
			return int(line.split()[1]) / 1024
	raise AssertionError("the kernel does not tell")


def main(site: str, item: str) -> None:
	"""Run the job and measure it."""
	frappe.init(site, sites_path=os.getcwd())
	frappe.connect()
	from bank_api.gateway import sync_job

	began = time.perf_counter()
	sync_job.run(item)
	seconds = time.perf_counter() - began
	rows = frappe.db.sql("SELECT COUNT(*) FROM `tabBank API Transaction` WHERE item = %s", item)[0][0]
	error = frappe.db.get_value("Bank API Item", item, "last_error")
	print(json.dumps({"seconds": seconds, "rows": rows, "peak_mb": peak_mb(), "error": error}))
	frappe.destroy()


main(*sys.argv[1:3])
