"""Which connector speaks for which provider: the only place that knows them all."""

from collections.abc import Callable

from bank_api.connectors.base import Connector
from bank_api.connectors.berlin_group import connector as berlin_group
from bank_api.connectors.bridge import connector as bridge
from bank_api.connectors.errors import ConfigurationError
from bank_api.connectors.kb import connector as kb
from bank_api.connectors.model import ProviderConfig
from bank_api.connectors.quanto import connector as quanto
from bank_api.connectors.rate_ledger import MemoryLedger, RateLedger

Factory = Callable[[ProviderConfig, RateLedger], Connector]

CONNECTORS: dict[str, Factory] = {
	"bridge": bridge,
	"berlin_group": berlin_group,
	"quanto": quanto,
	"kb": kb,
}

NUDGES = frozenset({"kb"})
"""Those whose connectors are `NudgeConnector`s; making one to find out would cost the reading of its keys."""


def connector_for(config: ProviderConfig, ledger: RateLedger | None = None) -> Connector:
	"""The connector of a configured provider. It may be used by several threads at once.

	Args:
		config: the provider.
		ledger: counts the calls against the provider's limits; one of this process alone if None.

	Raises:
		ConfigurationError: no such connector, or it does not know the API version.
	"""
	factory = CONNECTORS.get(config.connector)
	if factory is None:
		raise ConfigurationError("There is no connector of this name.")
	return factory(config, MemoryLedger() if ledger is None else ledger)
