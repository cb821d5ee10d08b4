"""Frappe's source from PyPI.

`criscostack` 1.0.0 is Frappe 15.0.0-dev (MIT) under another name. Its names are put back here; the result
was compared once with Frappe's own repository and is equal but for logos and a few translations.
"""

import hashlib
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

from dev.errors import DevError
from dev.shell import run

DISTRIBUTION = "criscostack"
VERSION = "1.0.0"
WHEEL_SHA256 = "dc58aaf29c59b7666edc953596e5b31f77d7286b2ed6b14c6a205b217c210349"
NAMES = (
	(b"criscostack", b"frappe"),
	(b"Criscostack", b"Frappe"),
	(b"CRISCOSTACK", b"FRAPPE"),
	(b"Criscoerp", b"ERPNext"),
	(b"criscoerp", b"erpnext"),
	(b"Crisco", b"Frappe"),
)
RENAMED_FILES = {"frappe/utils/brik_helper.py": "frappe/utils/bench_helper.py"}
# Digest of the finished source (every path and content), so that an accident cannot go unseen.
SOURCE_SHA256 = "ad750c6b9b677e49dbda3c8cb9517718044bc0e54cd8f38ba69d3b5720801bc0"


def fetch(target: Path, work: Path, log: Path) -> None:
	"""Download, verify, restore and place Frappe.

	Args:
		target: the app's folder, made last and in one move; holds `frappe/` and a `pyproject.toml`.
		work: a scratch folder on the same file system.
		log: takes pip's output.
	"""
	shutil.rmtree(work, ignore_errors=True)
	work.mkdir(parents=True)
	pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
	requirement = work / "requirement.txt"
	requirement.write_text(f"{DISTRIBUTION}=={VERSION} --hash=sha256:{WHEEL_SHA256}\n")
	run([*pip, "--require-hashes", "--dest", work, "-r", requirement], log=log)
	wheel = next(work.glob("*.whl"))
	if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
		raise DevError(f"{wheel.name} is not the pinned file")
	source = work / "source"
	with zipfile.ZipFile(wheel) as archive:
		archive.extractall(source)
	metadata = (source / f"{DISTRIBUTION}-{VERSION}.dist-info" / "METADATA").read_text()
	shutil.rmtree(source / f"{DISTRIBUTION}-{VERSION}.dist-info")
	restore_names(source)
	(source / "pyproject.toml").write_text(project_file(metadata))
	verify(source)
	shutil.rmtree(target, ignore_errors=True)
	target.parent.mkdir(parents=True, exist_ok=True)
	os.replace(source, target)
	shutil.rmtree(work, ignore_errors=True)


def restore_names(source: Path) -> None:
	"""Put Frappe's names back in contents and in file and folder names."""
	for path in sorted(source.rglob("*")):
		if path.is_file():
			content = path.read_bytes()
			if b"\0" not in content[:8192] and (restored := _restored(content)) != content:
				path.write_bytes(restored)
	for path in sorted(source.rglob("*"), key=lambda p: len(p.parts), reverse=True):
		if (name := _restored(path.name.encode()).decode()) != path.name:
			path.rename(path.with_name(name))
	for old, new in RENAMED_FILES.items():
		(source / old).rename(source / new)


def project_file(metadata: str) -> str:
	"""A `pyproject.toml` for the restored source, from the wheel's METADATA."""
	requirements = re.findall(r"^Requires-Dist: (.+)$", metadata, re.M)
	listed = "".join(f'\t"{requirement}",\n' for requirement in requirements)
	return (
		'[project]\nname = "frappe"\nrequires-python = ">=3.10"\ndynamic = ["version", "description"]\n'
		f"dependencies = [\n{listed}]\n\n"
		'[build-system]\nrequires = ["flit_core >=3.4,<5"]\nbuild-backend = "flit_core.buildapi"\n\n'
		'[tool.flit.module]\nname = "frappe"\n'
	)


def source_digest(source: Path) -> str:
	"""One SHA-256 over every path and content."""
	total = hashlib.sha256()
	for path in sorted(path for path in source.rglob("*") if path.is_file()):
		total.update(str(path.relative_to(source)).encode() + b"\0")
		total.update(hashlib.sha256(path.read_bytes()).digest())
	return total.hexdigest()


def verify(source: Path) -> None:
	"""Check that the source is exactly the one this project was tested with.

	Raises:
		DevError: it is not.
	"""
	for needed in (
		"frappe/__init__.py",
		"frappe/app.py",
		"frappe/utils/bench_helper.py",
		"frappe/public/js/frappe",
	):
		if not (source / needed).exists():
			raise DevError(f"the restored source has no {needed}")
	found = source_digest(source)
	if found != SOURCE_SHA256:
		raise DevError(f"the restored source differs: {found} instead of {SOURCE_SHA256}")


def _restored(content: bytes) -> bytes:
	for old, new in NAMES:
		content = content.replace(old, new)
	return content
