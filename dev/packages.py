"""What has to be installed: Debian's packages, a Python environment, and what the app declares."""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dev.errors import DevError
from dev.paths import LOCKS, REPO
from dev.shell import output_of, run

SUPPORTED_PYTHONS = ("3.11", "3.10")


def find_program(*names: str) -> str | None:
	"""The first of these programs that exists, looked for in the sbin folders too."""
	path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
	return next((found for name in names if (found := shutil.which(name, path=path))), None)


def need_program(package: str, *names: str) -> str:
	"""Like `find_program`, but an error that names the Debian package when there is none.

	Raises:
		DevError: not installed.
	"""
	if found := find_program(*names):
		return found
	raise DevError(f"{' or '.join(names)} is not installed: apt-get install {package}")


def apt_install(packages: Sequence[str], log: Path) -> None:
	"""Install Debian packages.

	The servers' own services are left as their packages leave them: nothing here stops or configures them.

	Raises:
		DevError: not possible on this system, or failed.
	"""
	if not packages:
		return
	wanted = " ".join(packages)
	apt = find_program("apt-get")
	if not apt:
		raise DevError(f"please install these by hand, this system has no apt-get: {wanted}")
	sudo: list[str] = []
	if os.geteuid() != 0:
		if not find_program("sudo"):
			raise DevError(f"please install these as root: apt-get install {wanted}")
		sudo = ["sudo", "-n"]
	env = ["env", "DEBIAN_FRONTEND=noninteractive"]
	options = ["-y", "-q", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"]
	# Never killed half-way, as dpkg would be left in pieces; what an earlier death left is put right first.
	run([*sudo, *env, "dpkg", "--configure", "-a"], log=log, guard=False)
	run([*sudo, *env, apt, "update", "-q"], log=log, guard=False, timeout=600)
	run([*sudo, *env, apt, "install", *options, *packages], log=log, guard=False, timeout=1800)


def missing_servers() -> list[str]:
	"""The Debian packages whose programs are not there."""
	wanted = {
		"mariadb-server": ("mariadbd", "mysqld"),
		"mariadb-client": ("mariadb", "mysql"),
		"redis-server": ("redis-server",),
	}
	return [package for package, programs in wanted.items() if not find_program(*programs)]


def missing_browser_tools() -> list[str]:
	"""The Debian packages that the desk's build and the browser tests need and that are not there."""
	wanted = {
		"chromium": ("chromium", "chromium-browser", "google-chrome"),
		"nodejs": ("node",),
		"npm": ("npm",),
	}
	return [package for package, programs in wanted.items() if not find_program(*programs)]


def base_python() -> str:
	"""A Python that the embedded Frappe runs on: this one if it fits, else one from the PATH.

	Raises:
		DevError: there is none.
	"""
	if f"{sys.version_info.major}.{sys.version_info.minor}" in SUPPORTED_PYTHONS:
		return os.path.realpath(sys.executable)
	for version in SUPPORTED_PYTHONS:
		if found := find_program(f"python{version}"):
			return os.path.realpath(found)
	raise DevError(f"the embedded Frappe needs Python {' or '.join(SUPPORTED_PYTHONS)}: none was found")


def make_environment(target: Path, python: str, log: Path) -> None:
	"""A virtual environment with pip, as a link to a folder with a new name.

	An earlier attempt that was killed may have left a helper process that still writes to its own folder.
	"""
	probe = subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True)
	if probe.returncode:
		version = output_of([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
		apt_install([f"python{version}-venv"], log)
	for leftover in target.parent.glob(f"{target.name}-*"):
		leftover.unlink() if leftover.is_symlink() else shutil.rmtree(leftover, ignore_errors=True)
	folder = target.with_name(f"{target.name}-{secrets.token_hex(4)}")
	run([python, "-m", "venv", folder], log=log)
	link = folder.with_suffix(".link")
	link.symlink_to(folder.name)
	os.replace(link, target)


def pip_install(python: Path, *arguments: str | Path, log: Path) -> None:
	"""`pip install` into the environment of `python`."""
	options = ["--disable-pip-version-check", "--no-input", "--prefer-binary", "--root-user-action=ignore"]
	run([python, "-m", "pip", "install", *options, *arguments], log=log, timeout=1800)


def project() -> dict[str, Any]:
	"""The app's `pyproject.toml`."""
	try:
		import tomllib
	except ImportError:  # Python 3.10
		from pip._vendor import tomli as tomllib  # type: ignore[no-redef]
	return tomllib.loads((REPO / "pyproject.toml").read_text())


def app_requirements() -> list[str]:
	"""What the app needs, with what its tests need (`[tool.bench.dev-dependencies]`)."""
	declared = project()
	tests = declared.get("tool", {}).get("bench", {}).get("dev-dependencies", {})
	return [
		*declared["project"].get("dependencies", []),
		*(f"{name}{'' if version == '*' else version}" for name, version in tests.items()),
	]


def frozen(python: Path) -> str:
	"""What an environment holds, as constraints: nothing that is there is replaced by what comes after."""
	lines = output_of([python, "-m", "pip", "--disable-pip-version-check", "freeze"]).splitlines()
	return "".join(f"{line}\n" for line in lines if re.match(r"^[A-Za-z0-9._-]+==", line))


def locked_versions() -> list[Path]:
	"""The files that pin the embedded bench's Python packages."""
	return [LOCKS / "frappe.txt", LOCKS / "extra.txt"]
