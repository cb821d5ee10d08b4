"""The commands behind the Make targets."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable

from dev import suite
from dev.bench import Bench
from dev.errors import DevError
from dev.processes import exit_on_signals, stop_all


def test(arguments: list[str]) -> int:
	"""Run the tests with pytest on the bench's Python: unit, site, e2e and browser."""
	bench = Bench.current()
	if bench.embedded_bench and suite.is_whole(arguments):
		return suite.run(bench, arguments)
	chosen = [
		word for word in arguments if not word.startswith("-") and word.partition("::")[0].startswith("tests")
	]
	return bench.call("-m", "pytest", *([] if chosen else ["tests"]), *arguments)


def demo(arguments: list[str]) -> int:
	"""Play the main job over HTTP on a fresh site, step by step."""
	from dev.demo import demo

	return demo(arguments)


def serve(arguments: list[str]) -> int:
	"""Leave a whole installation running, with an example client."""
	from dev.demo import serve

	return serve(arguments)


def lint(arguments: list[str]) -> int:
	"""ruff, its formatter, and mypy on the packages that know no framework."""
	from dev.lint import lint

	return lint(arguments)


def benchmark(arguments: list[str]) -> int:
	"""Run the benchmarks with the bench's Python."""
	return Bench.current().call("-m", "benchmarks", *arguments)


def build(_arguments: list[str]) -> int:
	"""Build the bench, start its servers, make the first site and the desk."""
	from dev.desk_assets import ensure_desk
	from dev.sites import pristine_dump

	bench = Bench.current()
	bench.ensure_services()
	pristine_dump(bench)
	ensure_desk(bench)
	return 0


def site(arguments: list[str]) -> int:
	"""Make a fresh site of the given name."""
	from dev.sites import fresh_site

	parser = argparse.ArgumentParser(prog="python3 -m dev site")
	parser.add_argument("name")
	parser.add_argument("--scheduler", action="store_true")
	chosen = parser.parse_args(arguments)
	print(fresh_site(Bench.current(), chosen.name, scheduler=chosen.scheduler))
	return 0


def frappe(arguments: list[str]) -> int:
	"""Run a bench command: `python3 -m dev frappe --site NAME console`."""
	bench = Bench.current()
	bench.ensure_services()
	return bench.call("-m", "frappe.utils.bench_helper", "frappe", *arguments, cwd=bench.sites_path)


def python(arguments: list[str]) -> int:
	"""Run the bench's Python in the repository."""
	bench = Bench.current()
	bench.ensure_services()
	return bench.call(*arguments)


def stop(_arguments: list[str]) -> int:
	"""Stop the embedded bench's servers."""
	from dev.embedded import EmbeddedBench

	for bench in EmbeddedBench.all_built():
		bench.stop_services()
	return 0


def clean(_arguments: list[str]) -> int:
	"""Stop the servers and remove everything built."""
	from dev.embedded import EmbeddedBench

	EmbeddedBench.remove_all()
	return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
	command.__name__: command
	for command in (demo, test, serve, lint, benchmark, build, site, frappe, python, stop, clean)
}


def usage() -> str:
	"""The commands with their first lines."""
	lines = [f"  {name:10} {(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
	return "\n".join(
		[
			"python3 -m dev COMMAND [ARGUMENTS]   (or: make COMMAND, ARGS='…')",
			"",
			*lines,
			"",
			"BENCH=/path uses a bench that is there; BANK_API_CACHE=/path is where the embedded one is built.",
		]
	)


def main(words: list[str] | None = None) -> int:
	"""Run a command; its exit status."""
	words = sys.argv[1:] if words is None else words
	if not words or words[0] in ("help", "-h", "--help"):
		print(usage())
		return 0
	if words[0] not in COMMANDS:
		print(usage(), file=sys.stderr)
		return 2
	exit_on_signals()
	extra = shlex.split(os.environ.get("ARGS", ""))
	try:
		return COMMANDS[words[0]]([*words[1:], *extra])
	except DevError as error:
		print(f"error: {error}", file=sys.stderr)
		return 1
	except KeyboardInterrupt:
		print("interrupted", file=sys.stderr)
		return 130
	finally:
		stop_all()
