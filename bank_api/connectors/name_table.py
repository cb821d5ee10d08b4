"""Names on a provider's wire that nobody has published: a table with defaults, each one a setting `name.<key> = value`."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from bank_api.connectors.errors import ConfigurationError

PREFIX = "name."
Table = TypeVar("Table", bound=Any)


def changed(table: Table, values: Mapping[str, str], check: Callable[[str, str], None]) -> Table:
	"""The table with what a provider's settings change.

	Args:
		table: the defaults.
		values: the settings; those that do not begin with `name.` are other ones.
		check: raises `ConfigurationError` for a key and a value that cannot be meant.

	Raises:
		ConfigurationError: a key that is not in the table, or a value that cannot be meant; the message names the setting.
	"""
	known = {field.name for field in fields(table)}
	changes: dict[str, str] = {}
	for setting, value in values.items():
		if not setting.startswith(PREFIX):
			continue
		key = setting.removeprefix(PREFIX)
		if key not in known:
			raise ConfigurationError(
				f"The provider's setting {setting} is not one of the names that can be changed."
			)
		check(key, value.strip())
		changes[key] = value.strip()
	return replace(table, **changes)
