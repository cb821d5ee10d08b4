"""The desk's bundles: built once per bench, for `make serve` and the browser tests."""

import json
import shutil
from pathlib import Path

from dev.bench import Bench
from dev.errors import DevError
from dev.files import digest, locked, write_atomic
from dev.packages import need_program
from dev.paths import APP, DEV, REPO
from dev.shell import run

RECIPE = DEV / "desk"
RECIPE_FILES = ("package.json", "package-lock.json", ".npmrc", "build.mjs")
BUNDLES = ("js", "ts", "css", "scss", "sass")


class NoDesk(DevError):
	"""An existing bench whose desk is not built."""


def ensure_desk(bench: Bench) -> None:
	"""Have the desk built, and the app's own bundles with it.

	Raises:
		NoDesk: an existing bench has none; its owner builds it.
		DevError: the build failed.
	"""
	from dev.embedded import EmbeddedBench

	if isinstance(bench, EmbeddedBench):
		bench.install_browser_tools()
		work = (bench.path / "desk").resolve()
		work.mkdir(exist_ok=True)
		with locked(work / "lock", "building the desk"):
			_build(bench, work)
		bench.redis("redis_cache", "DEL", "assets_json")
	else:
		known = bench.sites_path / "assets" / "assets.json"
		built = json.loads(known.read_text()) if known.exists() else {}
		if missing := {"desk.bundle.js", *(path.name for path in app_bundles())} - set(built):
			names = ", ".join(sorted(missing))
			raise NoDesk(
				f"{bench.path} has no {names}: run `yarn install` in apps/frappe and `bench build` there"
			)


def app_bundles() -> list[Path]:
	"""The app's own entry points."""
	public = REPO / APP / "public"
	found = (path for kind in BUNDLES for path in public.rglob(f"*.bundle.{kind}"))
	return sorted(path for path in found if "dist" not in path.relative_to(public).parts)


def _build(bench: Bench, work: Path) -> None:
	log, marker = bench.logs / "desk.log", work / "done"
	packages = digest(RECIPE / "package-lock.json")
	sources = [
		path for path in (REPO / APP / "public").rglob("*") if path.is_file() and "dist" not in path.parts
	]
	watched = sorted(sources) if app_bundles() else []
	stamp = digest(bench.framework_digest(), str(REPO), *(RECIPE / name for name in RECIPE_FILES), *watched)
	if marker.exists() and marker.read_text() == stamp:
		return
	print("building the desk, once (about 20 s) …", flush=True)
	for name in RECIPE_FILES:
		shutil.copyfile(RECIPE / name, work / name)
	installed = work / "installed"
	if not installed.exists() or installed.read_text() != packages:
		run(
			[need_program("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
			cwd=work,
			log=log,
		)
		write_atomic(installed, packages)
	run([need_program("nodejs", "node"), work / "build.mjs", bench.path, "frappe", APP], cwd=work, log=log)
	# Some pages ask for single files of packages by address.
	modules = bench.path / "apps" / "frappe" / "frappe" / "public" / "node_modules"
	if not modules.is_symlink():
		modules.symlink_to(work / "node_modules")
	write_atomic(marker, stamp)
