"""`make demo` and `make serve`."""

import importlib
import importlib.util
import time
from types import ModuleType
from typing import Any

from dev.bench import Bench
from dev.errors import DevError
from dev.sites import ADMIN_PASSWORD, fresh_site
from dev.stack import Stack


def optional_module(name: str) -> ModuleType | None:
	"""A module of this package, if it is there."""
	return importlib.import_module(name) if importlib.util.find_spec(name) else None


def demo(arguments: list[str]) -> int:
	"""A fresh site, every process, and the story on top: `dev.story.main(stack)`, whose result is the exit status.

	Args:
		arguments: the chapters to play (`bridge`, `migdal`, `quanto`, `kb`); all if there are none.
	"""
	story = optional_module("dev.story")
	if not story:
		raise DevError("there is no dev/story yet: nothing to tell")
	began = time.monotonic()
	bench = Bench.current()
	slot = bench.slot("demo")
	fresh_site(bench, slot.site, scheduler=True)
	print(f"a fresh site {slot.site} with the app ({time.monotonic() - began:.1f} s)", flush=True)
	with Stack(bench, slot.site).start(scheduler=True, worker=2) as stack:
		print(f"gateway {stack.url} · sandbox {stack.sandbox_url} · logs {stack.folder / 'logs'}", flush=True)
		return int(story.main(stack, arguments) or 0)


def serve(arguments: list[str]) -> int:
	"""Everything running until Ctrl-C, with an example client made by `dev.seed.main(stack)`."""
	from dev.desk_assets import ensure_desk

	bench = Bench.current()
	ensure_desk(bench)
	slot = bench.slot("serve")
	if "--keep" not in arguments or not bench.site_config_path(slot.site).exists():
		fresh_site(bench, slot.site, scheduler=True)
	with Stack(bench, slot.site).start(scheduler=True, keep_data="--keep" in arguments) as stack:
		seed = optional_module("dev.seed")
		print(serving(stack, seed.main(stack) if seed else {}), flush=True)
		try:
			while all(process.alive for process in stack.processes.values()):
				time.sleep(0.5)
		except KeyboardInterrupt:
			return 0
		dead = [process.name for process in stack.processes.values() if not process.alive]
		raise DevError(f"{', '.join(dead)} ended; logs are in {stack.folder / 'logs'}")


def serving(stack: Stack, seeded: dict[str, Any]) -> str:
	"""What a person needs to try it.

	Args:
		stack: what runs.
		seeded: from `dev.seed.main`: `api_key` and `api_secret`, and lines to show under `notes`.
	"""
	lines = [
		"",
		f"  desk      {stack.url}/app/bank-api    Administrator / {ADMIN_PASSWORD}",
		f"  API       {stack.url}/api/method/bank_api.bridge.…",
		f"  sandbox   {stack.sandbox_url}",
		f"  logs      {stack.folder / 'logs'}",
	]
	if seeded.get("api_key"):
		token = f"{seeded['api_key']}:{seeded['api_secret']}"
		method = seeded.get("example", "bank_api.bridge.get_category")
		lines += ["", f"  curl -H 'Authorization: token {token}' {stack.url}/api/method/{method}"]
	lines += [f"  {note}" for note in seeded.get("notes", [])]
	return "\n".join([*lines, "", "Ctrl-C stops it.", ""])
