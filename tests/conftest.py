"""Every test carries the mark of its folder; the fast ones run first."""

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is slow at times; what has to be fast is measured in benchmarks, not by hypothesis.
settings.register_profile("bank_api", deadline=None)
settings.load_profile("bank_api")

KINDS = ("unit", "site", "e2e", "browser")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
	"""Mark and order by folder."""

	def kind(item: pytest.Item) -> str:
		return item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else KINDS[0]

	for item in items:
		if kind(item) in KINDS:
			item.add_marker(kind(item))
	items.sort(key=lambda item: KINDS.index(kind(item)) if kind(item) in KINDS else len(KINDS))
