"""Bridge (bridgeapi.io, France): account information, versions 2021-06-01 ("v2") and 2025-01-15 ("v3").

Facts of the protocol, each with its confidence, are in `protocols/bridge.md`; docstrings name its sections.
"""

from bank_api.connectors.bridge.connector import BridgeConnector
from bank_api.connectors.model import ProviderConfig
from bank_api.connectors.rate_ledger import RateLedger


def connector(config: ProviderConfig, ledger: RateLedger) -> BridgeConnector:
	"""Bridge's connector for a provider record; see `registry.connector_for`."""
	return BridgeConnector(config, ledger)
