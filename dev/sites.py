"""Sites for tests and demonstrations: a dump of a bare site is made once and restored in seconds."""

import base64
import os
import secrets
import shutil
from pathlib import Path

from dev.bench import Bench, database_name
from dev.files import read_json, write_json
from dev.paths import APP
from dev.shell import output_of

ADMIN_PASSWORD = "admin"
FOLDERS = (
	"private/files",
	"private/backups",
	"public/files",
	"locks",
	"logs",
	"error-snapshots",
	"task-logs",
)


def pristine_dump(bench: Bench) -> Path:
	"""The dump of a site with only the framework, its set-up wizard done; made if there is none."""
	target = bench.work / f"pristine-{bench.framework_digest()}.sql"
	if target.exists():
		return target
	bench.ensure_services()
	with bench.lock("pristine", "making the first site"):
		if not target.exists():
			print("making a first site with only the framework, once (about 40 s) …", flush=True)
			_make_pristine(bench, target)
	return target


def _make_pristine(bench: Bench, target: Path) -> None:
	site, log = "pristine.localhost", bench.logs / "new-site.log"
	drop_site(bench, site)
	database = database_name(site, secrets.token_hex(4))
	options = ["--admin-password", ADMIN_PASSWORD, "--db-name", database, "--force"]
	root = bench.database
	# The root password is read from the configuration; only an existing bench may lack it there.
	if bench.config.get("root_password") != bench.root_password:
		options += ["--db-root-password", bench.root_password]
	user = next(word for word in root.where if word.startswith("--user=")).removeprefix("--user=")
	options += ["--db-root-username", user, _any_host_option(bench)]
	bench.frappe("new-site", site, *options, log=log)
	bench.run("-m", "dev.inside", "prepare", site, log=log)
	root.dump(database, target, log)
	drop_site(bench, site)


def _any_host_option(bench: Bench) -> str:
	"""How this framework's `new-site` is told that the database is not reached through a socket."""
	command = [bench.python, "-m", "frappe.utils.bench_helper", "frappe", "new-site", "--help"]
	described = output_of(command, cwd=bench.sites_path, env=bench.environment())
	newer = "--mariadb-user-host-login-scope"
	return f"{newer}=%" if newer in described else "--no-mariadb-socket"


def fresh_site(bench: Bench, site: str, *, scheduler: bool = False) -> str:
	"""Make a site anew, with the app installed by `install-app`.

	Args:
		bench: the bench.
		site: its name; a site of this name is dropped first.
		scheduler: switch the site's scheduler on.

	Returns:
		The site's name.
	"""
	bench.ensure_services()
	dump = pristine_dump(bench)
	log = bench.logs / f"{site}.log"
	drop_site(bench, site)
	config = {
		"db_type": "mariadb",
		"db_name": database_name(site, secrets.token_hex(8)),
		"db_password": secrets.token_urlsafe(12),
		"encryption_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
		"host_name": f"http://{site}",
		"allow_tests": True,
		"developer_mode": 0,
		"server_script_enabled": False,
		"mute_emails": 1,
	}
	for folder in FOLDERS:
		(bench.sites_path / site / folder).mkdir(parents=True, exist_ok=True)
	write_json(bench.site_config_path(site), config, 0o600)
	_restore(bench, config["db_name"], config["db_password"], dump, log)
	bench.frappe("install-app", APP, site=site, log=log)
	bench.run("-m", "dev.inside", "finish", site, *(["--scheduler"] if scheduler else []), log=log)
	return site


def _restore(bench: Bench, database: str, password: str, dump: Path, log: Path) -> None:
	root = bench.database
	root.query(
		f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"
		f"CREATE USER '{database}'@'%' IDENTIFIED BY '{password}';"
		f"GRANT ALL PRIVILEGES ON `{database}`.* TO '{database}'@'%'; FLUSH PRIVILEGES;"
	)
	root.load(database, dump, log)


def drop_site(bench: Bench, site: str) -> None:
	"""Remove a site and its database, if there."""
	config = read_json(bench.site_config_path(site))
	if database := config.get("db_name"):
		root = bench.database
		root.query(f"DROP DATABASE IF EXISTS `{database}`; DROP USER IF EXISTS '{database}'@'%'")
		root.query(f"DROP USER IF EXISTS '{database}'@'localhost'")
	shutil.rmtree(bench.sites_path / site, ignore_errors=True)
