"""Ingest: 100,000 transactions from the sandbox over HTTP into MariaDB, end to end in one job.

Rivals, in turns in the same run, with the same rows and columns: `frappe.get_doc(...).insert()` one by one, the
usual way; and `LOAD DATA LOCAL INFILE` with the writing of its CSV, the practical limit. The rivals are given
the rows for nothing: neither fetches nor parses anything.
"""

import csv
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bank import Bank, bank_of

ROWS = 100_000
FEW_ROWS = 10_000
INSERTS = 1_000
REPETITIONS = 3
_TABLE = "`tabBank API Transaction`"
_COPY = "`bench_transaction`"
_OWN_COLUMNS = ("name", "owner", "modified_by", "creation", "modified", "docstatus", "idx")


def run(stack: Any) -> dict[str, float]:
	"""Measure on a running stack.

	Returns:
		`ingest_vs_insert`, `ingest_vs_load_data`, `ingest_peak_mb`, and the numbers behind them: rows per second
		(medians of three), peak memory at 10,000 rows in MB.
	"""
	with bank_of(stack) as bank:
		few = bank.sync(bank.item(FEW_ROWS))
		item = bank.item(ROWS)
		syncs, inserts, loads = [bank.sync(item)], [], []
		if syncs[0].rows != ROWS:
			raise AssertionError(f"{syncs[0].rows} rows are stored instead of {ROWS}")
		columns, rows = _rows(bank, item)
		for repetition in range(REPETITIONS):
			if repetition:
				syncs.append(bank.sync(bank.item(ROWS)))
			inserts.append(_insert(bank, columns, rows[:INSERTS]))
			loads.append(_load_data(bank, columns, rows))
	ingest = statistics.median(sync.rows / sync.seconds for sync in syncs)
	insert, load = statistics.median(inserts), statistics.median(loads)
	return {
		"ingest_vs_insert": round(ingest / insert, 2),
		"ingest_vs_load_data": round(ingest / load, 3),
		"ingest_peak_mb": round(max(sync.peak_mb for sync in syncs), 1),
		"ingest_peak_mb_10k": round(few.peak_mb, 1),
		"ingest_rows_per_second": round(ingest),
		"insert_rows_per_second": round(insert),
		"load_data_rows_per_second": round(load),
	}


def _rows(bank: Bank, item: str) -> tuple[list[str], list[tuple]]:
	columns = [
		row[0] for row in bank.frappe.db.sql(f"SHOW COLUMNS FROM {_TABLE}") if not row[0].startswith("_")
	]
	names = ", ".join(f"`{column}`" for column in columns)
	return columns, list(bank.frappe.db.sql(f"SELECT {names} FROM {_TABLE} WHERE item = %s", item))


def _insert(bank: Bank, columns: list[str], rows: list[tuple]) -> float:
	"""Documents one by one into the same table, one commit at the end; rows per second."""
	kept = [place for place, column in enumerate(columns) if column not in _OWN_COLUMNS]
	values = [{columns[place]: row[place] for place in kept} for row in rows]
	identity = columns.index("identity")
	began = time.perf_counter()
	for row, fields in zip(rows, values, strict=True):
		doc = bank.frappe.get_doc(
			{"doctype": "Bank API Transaction", **fields, "identity": f"b:{row[identity]}"}
		)
		doc.insert(ignore_permissions=True)
	bank.frappe.db.commit()
	seconds = time.perf_counter() - began
	bank.frappe.db.sql(f"DELETE FROM {_TABLE} WHERE identity LIKE 'b:%%'")
	bank.frappe.db.commit()
	return len(rows) / seconds


def _load_data(bank: Bank, columns: list[str], rows: list[tuple]) -> float:
	"""CSV written, then loaded into an empty copy of the table with all its indexes; rows per second."""
	bank.frappe.conf.local_infile = 1
	connection = bank.frappe.db.get_connection()
	cursor = connection.cursor()
	cursor.execute(f"DROP TABLE IF EXISTS {_COPY}")
	cursor.execute(f"CREATE TABLE {_COPY} LIKE {_TABLE}")
	try:
		with tempfile.TemporaryDirectory() as folder:
			path = Path(folder) / "rows.csv"
			began = time.perf_counter()
			with path.open("w", newline="", encoding="utf-8") as file:
				writer = csv.writer(file, escapechar="\\", doublequote=False, lineterminator="\n")
				writer.writerows([["\\N" if value is None else value for value in row] for row in rows])
			names = ", ".join(f"`{column}`" for column in columns)
			cursor.execute(
				f"LOAD DATA LOCAL INFILE %s INTO TABLE {_COPY} CHARACTER SET utf8mb4 "
				f"FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' LINES TERMINATED BY '\\n' ({names})",
				(str(path),),
			)
			connection.commit()
			seconds = time.perf_counter() - began
		cursor.execute(f"SELECT COUNT(*) FROM {_COPY}")
		if cursor.fetchone()[0] != len(rows):
			raise AssertionError("LOAD DATA did not load every row")
		return len(rows) / seconds
	finally:
		cursor.execute(f"DROP TABLE IF EXISTS {_COPY}")
		connection.close()
