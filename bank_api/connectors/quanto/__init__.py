"""Quanto TSP (Brazil): sessions, set-up, and Open Finance Brasil's data behind it.

Quanto's own wire format is not public: every name of it stands in `names.py` and can be changed by a setting. Open Finance
Brasil's bodies, paths and permissions are exact and stand in the modules `ofb_*`. Facts, each with its confidence, are in
`protocols/quanto_ofb.md`; docstrings name its sections.
"""

from bank_api.connectors.model import ProviderConfig
from bank_api.connectors.quanto.connector import QuantoConnector
from bank_api.connectors.rate_ledger import RateLedger


def connector(config: ProviderConfig, ledger: RateLedger) -> QuantoConnector:
	"""The connector for a provider record; see `registry.connector_for`."""
	return QuantoConnector(config, ledger)
