"""Both versions of Bridge pass the suite that every provider has to pass."""

import pytest
from bridge_bank import BridgeBank
from conformance import ProviderConformance
from installation import Installation


class TestBridge20210601(ProviderConformance):
	"""Version 2021-06-01 (v2)."""

	bank_type = BridgeBank

	@pytest.fixture(scope="class")
	def bank(self, _installation: Installation) -> BridgeBank:
		return BridgeBank(_installation, "2021-06-01")


class TestBridge20250115(ProviderConformance):
	"""Version 2025-01-15 (v3)."""

	bank_type = BridgeBank

	@pytest.fixture(scope="class")
	def bank(self, _installation: Installation) -> BridgeBank:
		return BridgeBank(_installation, "2025-01-15")
