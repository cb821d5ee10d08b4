"""Berlin Group NextGenPSD2 1.3.x, as banks and other sources speak it, the Israeli profile with loans among them.

Another source is a provider record with other settings (`settings.py`); Migdal's are the defaults. Facts of the
protocol, each with its confidence, are in `protocols/berlin_group_migdal.md`; docstrings name its sections.
"""

from bank_api.connectors.berlin_group.connector import BerlinGroupConnector
from bank_api.connectors.model import ProviderConfig
from bank_api.connectors.rate_ledger import RateLedger


def connector(config: ProviderConfig, ledger: RateLedger) -> BerlinGroupConnector:
	"""The connector for a provider record; see `registry.connector_for`."""
	return BerlinGroupConnector(config, ledger)
