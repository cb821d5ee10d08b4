"""`python -m benchmarks [NAME …]`: measure, compare with the bars, write `benchmarks/results.json`.

Every figure is a ratio to a rival measured in the same run on the same machine, because absolute figures say more
about the machine. Without names all benchmarks run; with names the others' results in the file are kept.
`make benchmark ARGS="serve small_read"`.
"""

import argparse
import importlib
import inspect
import json
import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import connected, machine, versions

RESULTS = Path(__file__).with_name("results.json")
MODULES = (
	"serve",
	"small_read",
	"webhook_in",
	"webhook_out",
	"ingest",
	"resync",
	"signing",
	"payments",
	"payment_submit",
	"consent_page",
)


class Bar(NamedTuple):
	"""What a figure has to keep: at least, or at most."""

	least: float | None = None
	most: float | None = None

	def kept(self, value: float) -> bool:
		"""Whether a figure keeps it."""
		return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

	def __str__(self) -> str:
		return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"


BARS = {
	"abo_vs_bytes": Bar(most=5),
	"consent_page_vs_ping": Bar(most=3),
	"ingest_vs_insert": Bar(least=20),
	"ingest_vs_load_data": Bar(least=0.15),
	"ingest_peak_mb": Bar(most=250),
	"pain001_vs_sepaxml": Bar(least=5),
	"resync_seconds_100k": Bar(most=1),
	"resync_seconds_1m": Bar(most=1.5),
	"serve_vs_get_all": Bar(least=8),
	"signing_vs_bare": Bar(least=0.85),
	"small_read_vs_whoami": Bar(most=1.3),
	"submit_seconds_10k": Bar(most=30),
	"webhook_in_vs_noop": Bar(least=0.65),
	"webhook_in_p99_vs_noop": Bar(most=2),
	"webhook_out_vs_session": Bar(least=0.4),
	"webhook_out_dead_endpoint_cost": Bar(most=0.1),
}


def main(words: list[str]) -> int:
	"""Run the benchmarks; 1 if a bar is missed or one of them fails."""
	parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
	parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(MODULES)}")
	names = parser.parse_args(words).names
	if unknown := set(names) - set(MODULES):
		parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
	figures, failed, frame = _measure(names or list(MODULES))
	if not names and not failed:
		_write({**figures, **frame})
	else:
		known = _known()
		# Figures of earlier runs keep the time and machine they were measured on.
		later = {**known.get("measured_later", {}), **{name: frame for name in names if name not in failed}}
		_write({**frame, **known, **figures, "measured_later": later})
	_print(figures)
	for name, error in failed.items():
		print(f"{name} failed: {error}", file=sys.stderr)
	missed = [name for name, value in figures.items() if name in BARS and not BARS[name].kept(value)]
	if missed:
		print(f"bars missed: {', '.join(missed)}", file=sys.stderr)
	return 1 if failed or missed else 0


def _measure(names: list[str]) -> tuple[dict[str, float], dict[str, Exception], dict[str, Any]]:
	from dev.bench import Bench
	from dev.sites import fresh_site
	from dev.stack import Stack

	bench = Bench.current()
	slot = bench.slot("bench")
	figures: dict[str, float] = {}
	failed: dict[str, Exception] = {}
	stack = Stack(bench, fresh_site(bench, slot.site))
	os.chdir(bench.sites_path)  # Frappe's logs are named relative to it
	frame = {"machine": machine(), "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
	with stack.start(worker=False):  # every benchmark wants the machine for itself
		frame["versions"] = versions(stack)
		for name in names:
			began = time.monotonic()
			print(f"{name} …", end=" ", flush=True)
			try:
				figures |= _run(name, stack)
			except Exception as error:  # the others are still worth their figures
				failed[name] = error
			print(f"{'failed' if name in failed else 'done'} in {time.monotonic() - began:.0f} s", flush=True)
	slot.release()
	return figures, failed, frame


def _run(name: str, stack: Any) -> dict[str, float]:
	run = importlib.import_module(f"benchmarks.{name}").run
	if "frappe" not in inspect.signature(run).parameters:
		return run(stack)
	with connected(stack) as frappe:
		return run(frappe)


def _known() -> dict[str, Any]:
	return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def _write(results: dict[str, Any]) -> None:
	RESULTS.write_text(json.dumps(results, indent="\t", ensure_ascii=False) + "\n")


def _print(figures: dict[str, float]) -> None:
	print()
	for name, value in figures.items():
		bar = BARS.get(name)
		verdict = "" if bar is None else f"   {bar!s:8} {'ok' if bar.kept(value) else 'MISSED'}"
		print(f"{name:36} {value:>12,g}{verdict}")


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
