"""Bridge's settings: everything that its documentation leaves open has a default here and a name to change
it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bank_api.connectors.errors import ConfigurationError

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class BridgeSettings:
	"""Settings of one Bridge provider, read from `ProviderConfig.settings` by attribute name.

	Attributes:
		account_types: `payment` or `all`, sent with every connect session, repairs included (bridge.md, 2.2).
		country_code: country to preselect if the caller names none.
		capabilities: comma-separated filter on the banks to show; empty for no filter.
		placeholder_email_domain: v3 wants an e-mail address for a connect session. If the client names none,
			the end user's id at this domain stands in; the reserved top-level domain makes sure that no mail
			arrives.
		token_lifetime: seconds a token lives if the answer does not say (bridge.md, 1.4: two hours).
		user_delete_v2: `post` for `POST /users/{uuid}/delete`, `delete` for `DELETE /users/{uuid}`. Which one
			v2 applications without passwords have is not documented (bridge.md, open question 11).
		throttle_seconds: wait after a 429 that does not say (8.3: no `Retry-After` documented; the windows
			are 60 s).
		connect_limit_seconds: the same for connect sessions, of which an item gets four in rolling 24 hours
			(2.2).
		max_pages: a list that has more pages than this is taken for a loop.
		call_timeout: seconds for a whole call with its retries.
		max_attempts: how often a harmless call is sent at most.
		ca_bundle: PEM text of further certificate authorities.
	"""

	account_types: str = "payment"
	country_code: str = "FR"
	capabilities: str = ""
	placeholder_email_domain: str = "users.invalid"
	token_lifetime: int = 7200
	user_delete_v2: str = "post"
	throttle_seconds: float = 60.0
	connect_limit_seconds: float = 3600.0
	max_pages: int = 1000
	call_timeout: float = 90.0
	max_attempts: int = 3
	ca_bundle: str = ""


def read_settings(values: Mapping[str, str]) -> BridgeSettings:
	"""Bridge's settings from a provider's free settings; empty values mean the default, other names are
	ignored.

	Raises:
		ConfigurationError: a value that is not allowed.
	"""
	default = BridgeSettings()
	return BridgeSettings(
		account_types=_one_of(values, "account_types", ("payment", "all"), default.account_types),
		country_code=values.get("country_code") or default.country_code,
		capabilities=values.get("capabilities") or default.capabilities,
		placeholder_email_domain=values.get("placeholder_email_domain") or default.placeholder_email_domain,
		token_lifetime=_number(values, "token_lifetime", int, default.token_lifetime),
		user_delete_v2=_one_of(values, "user_delete_v2", ("post", "delete"), default.user_delete_v2),
		throttle_seconds=_number(values, "throttle_seconds", float, default.throttle_seconds),
		connect_limit_seconds=_number(values, "connect_limit_seconds", float, default.connect_limit_seconds),
		max_pages=_number(values, "max_pages", int, default.max_pages),
		call_timeout=_number(values, "call_timeout", float, default.call_timeout),
		max_attempts=_number(values, "max_attempts", int, default.max_attempts),
		ca_bundle=values.get("ca_bundle") or default.ca_bundle,
	)


def _one_of(values: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
	value = (values.get(name) or default).strip().lower()
	if value not in allowed:
		raise ConfigurationError(f"The provider's setting {name} must be one of: {', '.join(allowed)}.")
	return value


def _number(values: Mapping[str, str], name: str, kind: Callable[[str], _Value], default: _Value) -> _Value:
	text = values.get(name)
	if not text:
		return default
	try:
		return kind(text)
	except ValueError:
		raise ConfigurationError(f"The provider's setting {name} must be a number.") from None
