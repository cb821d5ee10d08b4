"""The embedded bench: everything from PyPI and Debian, in one folder outside the repository."""

import os
import platform
import shutil
import time
from pathlib import Path

from dev import frappe_source
from dev.bench import Bench
from dev.errors import DevError
from dev.files import digest, locked, write_atomic
from dev.packages import (
	apt_install,
	base_python,
	locked_versions,
	make_environment,
	missing_browser_tools,
	missing_servers,
	pip_install,
)
from dev.paths import LOCKS, cache_root
from dev.progress import Progress
from dev.services import LOOPBACK, MariaDB, Redis, Service
from dev.sites import pristine_dump

# Changes when the layout below does, so that an old bench is left aside.
LAYOUT = "1"


class EmbeddedBench(Bench):
	"""A bench that this project builds, with private servers."""

	embedded_bench = True

	def __init__(self, path: Path):
		super().__init__(path)
		config = self.config
		data, logs = path / "data", path / "logs"
		self.mariadb = MariaDB(data / "mariadb", logs, config.get("db_port"), config.get("root_password"))
		self.redis_cache = Redis(
			"redis-cache", data / "redis-cache", logs, _port(config.get("redis_cache")), evict=True
		)
		self.redis_queue = Redis("redis-queue", data / "redis-queue", logs, _port(config.get("redis_queue")))
		self.services: tuple[Service, ...] = (self.mariadb, self.redis_cache, self.redis_queue)

	@classmethod
	def at_default_path(cls) -> "EmbeddedBench":
		"""The bench of these pinned inputs."""
		inputs = digest(LAYOUT, frappe_source.WHEEL_SHA256, platform.machine(), LOCKS / "frappe.txt")
		return cls(cache_root() / f"bench-{inputs}")

	def build(self) -> None:
		"""Build what is missing. Safe to interrupt at any point and to repeat; one process builds at a time."""
		with locked(cache_root() / "build.lock", "building the bench"):
			log = self.logs / "build.log"
			progress = Progress(f"the embedded bench in {self.path}", self.work / "done", 5)
			progress.step(
				"servers", "Debian packages: MariaDB and Redis", lambda: apt_install(missing_servers(), log)
			)
			progress.step("frappe", "Frappe's source", lambda: self._fetch_frappe(log))
			progress.step(
				"python", "Python environment with Frappe's packages", lambda: self._make_environment(log)
			)
			progress.step("database", "private MariaDB: data folder", lambda: self.mariadb.create(log))
			progress.step("sites", "bench layout", self._lay_out)
			self.install_app()
			progress.close()

	def annex(self, name: str) -> "EmbeddedBench":
		"""This bench's apps, desk and Python with servers, sites and logs of their own: what is killed there disturbs nobody.

		Args:
			name: tells several apart.
		"""
		annex = EmbeddedBench(self.path.with_name(f"{self.path.name}-{name}"))
		dump = pristine_dump(self)
		with locked(cache_root() / "build.lock", "building the bench"):
			(annex.path / "sites").mkdir(parents=True, exist_ok=True)
			for folder in ("apps", "env", "desk", "sites/assets"):
				(self.path / folder).mkdir(exist_ok=True)
				if not (annex.path / folder).is_symlink():
					(annex.path / folder).symlink_to(self.path / folder)
			annex.mariadb.create(annex.logs / "build.log")
			annex._lay_out()
			write_atomic(annex.work / "app", (self.work / "app").read_text())
			annex.install_app()
			copy = annex.work / dump.name
			if not copy.exists():
				copy.hardlink_to(dump)
		return annex

	def _fetch_frappe(self, log: Path) -> None:
		frappe_source.fetch(self.path / "apps" / "frappe", self.path / "scratch", log)

	def _make_environment(self, log: Path) -> None:
		make_environment(self.path / "env", base_python(), log)
		pip_install(self.python, "--no-deps", "-r", LOCKS / "frappe.txt", log=log)
		pip_install(self.python, "-c", LOCKS / "extra.txt", "flit_core", log=log)
		pip_install(
			self.python, "--no-deps", "--no-build-isolation", "-e", self.path / "apps" / "frappe", log=log
		)

	def _lay_out(self) -> None:
		for folder in ("sites/assets", "logs", "config/pids", "archived"):
			(self.path / folder).mkdir(parents=True, exist_ok=True)
		if not (self.sites_path / "apps.txt").exists():
			write_atomic(self.sites_path / "apps.txt", "frappe\n")
		assets = self.sites_path / "assets" / "frappe"
		if not assets.is_symlink():
			assets.symlink_to(self.path / "apps" / "frappe" / "frappe" / "public")
		self._write_addresses()

	def _write_addresses(self) -> None:
		self.set_config(
			db_host=LOOPBACK,
			db_port=self.mariadb.port,
			root_login="root",
			root_password=self.mariadb.password,
			redis_cache=self.redis_cache.url,
			redis_queue=self.redis_queue.url,
			redis_socketio=self.redis_cache.url,
			background_workers=1,
			server_script_enabled=False,
			developer_mode=0,
		)

	def constraints(self) -> Path:
		"""The pins in the repository."""
		target = self.work / "constraints.txt"
		write_atomic(target, "".join(path.read_text() for path in locked_versions()))
		return target

	def ensure_services(self) -> None:
		"""Start the private servers that do not run."""
		with self.lock("services", "starting the servers"):
			began = time.monotonic()
			started = [service.name for service in self.services if service.start()]
			self._write_addresses()
			if started:
				print(f"started {', '.join(started)} ({time.monotonic() - began:.1f} s)", flush=True)

	def stop_services(self) -> None:
		"""Stop the private servers."""
		for service in self.services:
			service.stop()

	def install_browser_tools(self) -> None:
		"""Have Chromium, Node and npm."""
		if missing := missing_browser_tools():
			print(f"installing {', '.join(missing)} …", flush=True)
			apt_install(missing, self.logs / "build.log")

	@staticmethod
	def all_built() -> list["EmbeddedBench"]:
		"""Every embedded bench in the cache folder, older ones too."""
		return [EmbeddedBench(path) for path in sorted(cache_root().glob("bench-*")) if path.is_dir()]

	@staticmethod
	def remove_all() -> None:
		"""Stop and remove every embedded bench, and what else this project keeps in the cache folder.

		Raises:
			DevError: the cache folder looks like someone else's.
		"""
		root = cache_root()
		if not root.exists():
			return
		ours = [
			path
			for path in root.iterdir()
			if path.name.startswith(("bench-", "lint-")) or path.suffix == ".lock"
		]
		with locked(root / "build.lock", "building the bench"):
			for bench in EmbeddedBench.all_built():
				bench.stop_services()
			for path in ours:
				shutil.rmtree(path) if path.is_dir() else path.unlink()
		if not any(root.iterdir()):
			os.rmdir(root)
		elif not ours:
			raise DevError(f"{root} holds nothing of this project: left alone")


def _port(url: str | None) -> int | None:
	return int(url.rpartition(":")[2]) if url else None
