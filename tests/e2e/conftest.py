"""What end-to-end tests share: one installation whose admin, clients, bank and clock they hold in their hands."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite(
	"conformance", "bridge_bank", "migdal_bank", "quanto_bank", "kb_bank", "kb_runs", "installation", "jobs"
)

from installation import Installation  # noqa: E402  after the rewriting is set up
from jobs import Jobs  # noqa: E402

from dev.stack import Stack  # noqa: E402


@pytest.fixture(scope="session")
def _installation(stack: Stack) -> Iterator[Installation]:
	installation = Installation(stack)
	_calm(installation)
	yield installation
	installation.close()


@pytest.fixture
def installation(_installation: Installation) -> Iterator[Installation]:
	"""The installation; faults and delays at the bank do not outlive a test, and it counts no calls."""
	_calm(_installation)
	yield _installation
	_calm(_installation)


@pytest.fixture(scope="session")
def jobs(_installation: Installation) -> Iterator[Jobs]:
	"""Sync jobs that a test runs, and kills, by itself."""
	jobs = Jobs(_installation)
	yield jobs
	jobs.close()


def _calm(installation: Installation) -> None:
	control = installation.control
	control.clear_faults()
	control.latency(0)
	control.switches(rate_limits=False)
	sending = {"retry_schedule": [1, 2, 2, 3, 3, 5, 5, 10], "copies": 1, "shuffle": False, "reverse": False}
	control.webhook_settings(**sending)
	control.quanto.webhook_settings(**sending)
	control.quanto.switches(monthly_limits=False)
	control.kb.switches(history_limit=False, token_limit=1_000_000)
