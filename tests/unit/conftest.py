"""Fixtures of the unit tests: the simulated Migdal and a client that may call it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kb_harness import NOW, KbClient, running_kb
from migdal_tpp import Client
from sandbox_harness import running_migdal

from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.migdal.client import Tpp


@pytest.fixture(scope="session")
def migdal_process() -> Iterator[SandboxControl]:
	"""One sandbox with Migdal's listeners for all tests of this folder."""
	with running_migdal() as control:
		yield control


@pytest.fixture(scope="session")
def migdal_tpp(migdal_process: SandboxControl) -> Tpp:
	"""A client's certificates; making keys is slow, so they serve all tests."""
	return migdal_process.migdal.tpp()


@pytest.fixture
def migdal(migdal_process: SandboxControl) -> SandboxControl:
	"""The sandbox as it was at its start, the authorities apart."""
	migdal_process.reset()
	return migdal_process


@pytest.fixture
def client(migdal: SandboxControl, migdal_tpp: Tpp, tmp_path: Path) -> Iterator[Client]:
	"""A client that signs."""
	found = Client(migdal, migdal_tpp, tmp_path)
	yield found
	found.session.close()


@pytest.fixture(scope="session")
def kb_process() -> Iterator[SandboxControl]:
	"""One sandbox with KB's listeners for all tests of this folder."""
	with running_kb() as control:
		yield control


@pytest.fixture
def kb(kb_process: SandboxControl) -> SandboxControl:
	"""The sandbox as it was at its start, on a Tuesday morning."""
	kb_process.clock(set=NOW)
	kb_process.reset(clock=False)
	return kb_process


@pytest.fixture
def kb_client(kb: SandboxControl) -> Iterator[KbClient]:
	"""An application with a consent of the owner."""
	found = KbClient(kb)
	yield found
	found.session.close()
