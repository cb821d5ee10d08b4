"""Re-sync: a second sync with nothing new, with 100,000 and with 1,000,000 rows stored.

There is no rival but itself: what is claimed is that the cost follows what has changed, not what is stored.
"""

import statistics
from typing import Any

from benchmarks.bank import Bank, bank_of

ROWS = 100_000
COPIES = 9
REPETITIONS = 5
_TABLE = "`tabBank API Transaction`"


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack.

	Returns:
		`resync_seconds_100k` and `resync_seconds_1m`: medians of five jobs, in seconds.
	"""
	with bank_of(stack) as bank:
		item = bank.item(ROWS)
		bank.sync(item)
		small = _resync(bank, item, ROWS)
		_multiply(bank, item)
		large = _resync(bank, item, ROWS * (COPIES + 1))
		return {"resync_seconds_100k": round(small, 3), "resync_seconds_1m": round(large, 3)}


def _resync(bank: Bank, item: str, stored: int) -> float:
	times = []
	for _ in range(REPETITIONS):
		done = bank.sync(item)
		if done.rows != stored:
			raise AssertionError(f"{done.rows} rows are stored instead of {stored}")
		times.append(done.seconds)
	return statistics.median(times)


def _multiply(bank: Bank, item: str) -> None:
	"""Add copies of every row under other names and identities, as a long history would."""
	columns = [
		row[0]
		for row in bank.frappe.db.sql(f"SHOW COLUMNS FROM {_TABLE}")
		if row[0] not in ("name", "identity")
	]
	names = ", ".join(f"`{column}`" for column in columns)
	for copy in range(COPIES):
		bank.frappe.db.sql(
			f"INSERT INTO {_TABLE} (name, identity, {names}) "
			f"SELECT CONCAT(name, '-', %s), CONCAT(identity, '-', %s), {names} FROM {_TABLE} "
			"WHERE item = %s AND name NOT LIKE '%%-%%'",
			(copy, copy, item),
		)
		bank.frappe.db.commit()
