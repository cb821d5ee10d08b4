"""A bench: the embedded one, or one that is there already (`BENCH=/path`)."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dev.errors import DevError
from dev.files import digest, locked, read_json, write_atomic, write_json
from dev.packages import app_requirements, frozen, pip_install
from dev.paths import APP, REPO
from dev.services import SqlClient, redis_command
from dev.shell import environment, guarded, run

ANNEX = "BANK_API_ANNEX"


class Bench:
	"""A folder with `apps/`, `sites/` and `env/`, and the servers its configuration names.

	Get one with `Bench.current()`, `Bench.embedded()` or `Bench.existing(path)`.

	Attributes:
		path: the bench's folder.
		sites_path: its `sites/`.
		python: its Python.
		logs: where the output of long commands goes.
		work: our own files in it.
	"""

	embedded_bench = False

	def __init__(self, path: Path):
		self.path = path
		self.sites_path = path / "sites"
		self.python = path / "env" / "bin" / "python"
		self.logs = path / "logs"
		self.work = path / ".bank_api"
		self.config_path = self.sites_path / "common_site_config.json"

	@staticmethod
	def current() -> "Bench":
		"""The bench that `$BENCH` names, else the embedded one, built if need be."""
		if path := os.environ.get("BENCH"):
			return Bench.existing(path)
		return Bench.embedded()

	@staticmethod
	def embedded() -> "Bench":
		"""The embedded bench, built if need be; with `$BANK_API_ANNEX`, its annex of that name.

		Its servers are started by `ensure_services`.
		"""
		from dev.embedded import EmbeddedBench

		bench = EmbeddedBench.at_default_path()
		bench.build()
		annex = os.environ.get(ANNEX)
		return bench.annex(annex) if annex else bench

	@staticmethod
	def existing(path: str | Path) -> "Bench":
		"""A bench that someone else built and runs.

		Raises:
			DevError: it is no bench.
		"""
		bench = Bench(Path(path).expanduser().resolve())
		for needed in (bench.python, bench.config_path, bench.path / "apps" / "frappe"):
			if not needed.exists():
				raise DevError(f"BENCH={path} is not a bench: it has no {needed.relative_to(bench.path)}")
		with bench.lock("bench", "setting up this bench"):
			bench.install_app()
		return bench

	# configuration

	@property
	def config(self) -> dict[str, Any]:
		"""`sites/common_site_config.json`, read anew each time."""
		return read_json(self.config_path)

	def set_config(self, **values: Any) -> None:
		"""Change `sites/common_site_config.json` if it says something else."""
		config = self.config
		if any(config.get(key) != value for key, value in values.items()):
			write_json(self.config_path, {**config, **values}, 0o600)

	def site_config_path(self, site: str) -> Path:
		"""A site's `site_config.json`."""
		return self.sites_path / site / "site_config.json"

	def set_site_config(self, site: str, **values: Any) -> None:
		"""Change a site's configuration; None removes a key."""
		config = {**read_json(self.site_config_path(site)), **values}
		kept = {key: value for key, value in config.items() if value is not None}
		write_json(self.site_config_path(site), kept, 0o600)

	@cached_property
	def root_password(self) -> str:
		"""The database's root password.

		Raises:
			DevError: nobody told it.
		"""
		config = self.config
		known = (
			os.environ.get("DB_ROOT_PASSWORD"),
			config.get("root_password"),
			config.get("db_root_password"),
		)
		if found := next((password for password in known if password), None):
			return found
		raise DevError(
			f"the database's root password is needed to make test sites on {self.path}: "
			"set DB_ROOT_PASSWORD, or root_password in sites/common_site_config.json"
		)

	@property
	def database(self) -> SqlClient:
		"""The database server, as root."""
		config = self.config
		user = os.environ.get("DB_ROOT_USERNAME") or config.get("root_login") or "root"
		host, port = config.get("db_host") or "127.0.0.1", int(config.get("db_port") or 3306)
		return SqlClient("127.0.0.1" if host == "localhost" else host, port, user, self.root_password)

	# servers

	def ensure_services(self) -> None:
		"""Have the database and Redis running; on an existing bench only check that they are.

		Raises:
			DevError: they are not, with what to do.
		"""
		advice = f"start them first, for instance with `bench start` in {self.path}"
		try:
			self.database.query("select 1")
		except DevError as error:
			where = f"{self.config.get('db_host') or '127.0.0.1'}:{self.config.get('db_port') or 3306}"
			raise DevError(
				f"the database of {self.path} at {where} does not answer; {advice}\n{error}"
			) from None
		for key in ("redis_cache", "redis_queue"):
			if "PONG" not in self.redis(key, "PING") and "NOAUTH" not in self.redis(key, "PING"):
				raise DevError(f"{key} of {self.path} at {self.config.get(key)} does not answer; {advice}")

	def redis(self, key: str, *words: str) -> str:
		"""One command to the Redis server that this configuration key names; the raw answer."""
		url = urlsplit(self.config.get(key) or "")
		return redis_command(url.hostname or "127.0.0.1", url.port or 6379, *words)

	# commands

	def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
		"""The environment for the bench's Python: this repository first on its path."""
		path = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH", "")]))
		ours = {"PYTHONPATH": path, "SITES_PATH": str(self.sites_path), "BANK_API_BENCH": str(self.path)}
		return environment({**ours, **(extra or {})})

	def run(self, *arguments: str | Path, log: Path | None = None, **options: Any) -> None:
		"""Run the bench's Python with these arguments in `sites/`."""
		run([self.python, *arguments], log=log, cwd=self.sites_path, env=self.environment(), **options)

	def call(self, *arguments: str | Path, cwd: Path = REPO, env: Mapping[str, str] | None = None) -> int:
		"""Run the bench's Python in the foreground, seen and heard; its exit status."""
		process = subprocess.Popen(guarded([self.python, *arguments]), cwd=cwd, env=self.environment(env))
		try:
			while True:
				try:
					return process.wait()
				except KeyboardInterrupt:  # the child got it too, and says what it has to say
					continue
		finally:
			if process.poll() is None:
				process.terminate()
				process.wait(20)

	def frappe(
		self, *arguments: str, site: str | None = None, log: Path | None = None, timeout: float = 900
	) -> None:
		"""What `bench --site SITE ARGUMENTS` runs.

		Args:
			arguments: the command and its options.
			site: the site.
			log: takes the output, whose end is shown on failure; by default `logs/frappe.log`.
			timeout: seconds to allow.
		"""
		chosen = ["--site", site] if site else []
		words = ["-m", "frappe.utils.bench_helper", "frappe", *chosen, *arguments]
		self.run(*words, log=log or self.logs / "frappe.log", timeout=timeout)

	def lock(self, name: str, waiting_for: str) -> AbstractContextManager[None]:
		"""A lock among all processes that use this bench."""
		return locked(self.work / f"{name}.lock", waiting_for)

	# the app

	def constraints(self) -> Path:
		"""Pins of what the bench holds already, for pip."""
		target = self.work / "constraints.txt"
		write_atomic(target, frozen(self.python))
		return target

	def install_app(self) -> None:
		"""Make the app known to the bench: linked, installed, listed. Repeats only what changed."""
		link = self.path / "apps" / APP
		if not link.exists() or (link.is_symlink() and link.resolve() != REPO):
			link.unlink(missing_ok=True)
			link.symlink_to(REPO)
		stamp = digest(str(REPO), *app_requirements())
		marker = self.work / "app"
		if not marker.exists() or marker.read_text() != stamp:
			print("installing the app and what it and its tests need …", flush=True)
			self._pip_install_app(link)
			write_atomic(marker, stamp)
		listed = self.sites_path / "apps.txt"
		apps = listed.read_text().split()
		if APP not in apps:
			write_atomic(listed, "\n".join([*apps, APP]) + "\n")
		assets = self.sites_path / "assets" / APP
		if not assets.exists() or (
			assets.is_symlink() and assets.resolve() != (link / APP / "public").resolve()
		):
			assets.parent.mkdir(exist_ok=True)
			assets.unlink(missing_ok=True)
			assets.symlink_to(link / APP / "public")

	def _pip_install_app(self, link: Path) -> None:
		log, begun = self.logs / "pip.log", self.work / "app.begun"
		# A pip that was killed may leave packages that look complete: on our own bench they are laid anew.
		again = ["--force-reinstall"] if self.embedded_bench and begun.exists() else []
		write_atomic(begun, "")
		pip_install(
			self.python, *again, "-c", self.constraints(), "flit_core>=3.4", *app_requirements(), log=log
		)
		pip_install(self.python, "--no-deps", "--no-build-isolation", "-e", link, log=log)
		begun.unlink()

	def framework_digest(self) -> str:
		"""Changes when the framework does, or what is done to a bare site."""
		frappe = self.path / "apps" / "frappe" / "frappe"
		prepared_by = Path(__file__).with_name("inside.py")
		return digest(frappe / "__init__.py", frappe / "patches.txt", frappe / "hooks.py", prepared_by)

	def slot(self, name: str) -> "SiteSlot":
		"""A site name beginning with `name` that nobody else uses; free again when this process ends."""
		return SiteSlot(self, name)


class SiteSlot:
	"""`NAME.localhost`, or `NAME2.localhost` … when another process has that one."""

	def __init__(self, bench: Bench, name: str):
		from dev.files import try_lock

		for number in range(1, 100):
			self.site = f"{name}{number if number > 1 else ''}.localhost"
			if lock := try_lock(bench.work / f"site-{self.site}.lock"):
				self._lock = lock
				return
		raise DevError(f"all sites named {name} are in use")

	def release(self) -> None:
		"""Let others have it."""
		self._lock.close()


def database_name(site: str, salt: str) -> str:
	"""A database name that is new each time, so that nothing cached under an old one can be met."""
	return "_" + hashlib.sha1(f"{site} {salt}".encode()).hexdigest()[:16]
