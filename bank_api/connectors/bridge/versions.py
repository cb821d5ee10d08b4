"""What differs between the versions of Bridge's API (bridge.md, 0 to 6): paths, names, and what is on
offer."""

from dataclasses import dataclass

from bank_api.connectors.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Version:
	"""One version of the API.

	Attributes:
		header: value of the `Bridge-Version` header.
		prefix: first segment of every path.
		data: prefix of account-information paths.
		token: path of the token call.
		banks: path of the list of banks.
		deleted_flag: name of a transaction's flag.
		has_refresh: whether a client can ask for a refresh of an item.
		has_connect_sessions: whether one call makes all kinds of links; without it there is one call a kind.
	"""

	header: str
	prefix: str
	data: str
	token: str
	banks: str
	deleted_flag: str
	has_refresh: bool
	has_connect_sessions: bool

	@property
	def has_pro_confirmation(self) -> bool:
		"""Whether business accounts are validated on a page of their own."""
		return not self.has_connect_sessions


V2021 = Version(
	header="2021-06-01",
	prefix="/v2",
	data="/v2",
	token="/v2/authenticate",
	banks="/v2/banks",
	deleted_flag="is_deleted",
	has_refresh=True,
	has_connect_sessions=False,
)
V2025 = Version(
	header="2025-01-15",
	prefix="/v3",
	data="/v3/aggregation",
	token="/v3/aggregation/authorization/token",
	banks="/v3/providers",
	deleted_flag="deleted",
	has_refresh=False,
	has_connect_sessions=True,
)
VERSIONS = {version.header: version for version in (V2021, V2025)}


def version_named(name: str) -> Version:
	"""The version of a name; the `v` that some tutorials put before it is tolerated.

	Raises:
		ConfigurationError: no such version.
	"""
	version = VERSIONS.get(name.strip().removeprefix("v"))
	if version is None:
		raise ConfigurationError(f"The API version must be one of: {', '.join(VERSIONS)}.")
	return version
