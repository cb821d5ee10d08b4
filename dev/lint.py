"""`make lint`: pinned tools in a small environment of their own."""

import subprocess
from pathlib import Path

from dev.files import digest, locked, write_atomic
from dev.packages import base_python, make_environment, pip_install
from dev.paths import LOCKS, REPO, cache_root
from dev.shell import environment, guarded

PURE_PACKAGES = ("bank_api/connectors", "bank_api/payments", "bank_api/crypto")


def tools() -> Path:
	"""The Python of the tools' environment, made if need be."""
	pins = LOCKS / "lint.txt"
	root = cache_root() / f"lint-{digest(pins)}"
	python, done = root / "env" / "bin" / "python", root / "done"
	if not done.exists():
		with locked(cache_root() / "lint.lock", "installing the lint tools"):
			if not done.exists():
				print("installing the lint tools …", flush=True)
				root.mkdir(parents=True, exist_ok=True)
				make_environment(root / "env", base_python(), root / "pip.log")
				pip_install(python, "-r", pins, log=root / "pip.log")
				write_atomic(done, "done")
	return python


def lint(arguments: list[str]) -> int:
	"""Run all checks, also after one has failed; 1 if any has.

	Args:
		arguments: `--fix` to repair what can be; paths to look at instead of everything.
	"""
	python = tools()
	fix = "--fix" in arguments
	paths = [word for word in arguments if not word.startswith("-")]
	checks = [
		["ruff", "check", *(["--fix"] if fix else []), *(paths or ["."])],
		["ruff", "format", *([] if fix else ["--check"]), *(paths or ["."])],
		["mypy", *PURE_PACKAGES],
	]
	failed = []
	for check in checks:
		print("$", " ".join(check), flush=True)
		if subprocess.run(guarded([python, "-m", *check]), cwd=REPO, env=environment()).returncode:
			failed.append(" ".join(check))
	print("lint: " + (f"failed: {'; '.join(failed)}" if failed else "all checks passed"), flush=True)
	return 1 if failed else 0
