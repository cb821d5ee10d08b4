"""Tokens: a code for a pair, a pair for the next one (3.3). Nothing here is sent twice."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bank_api.connectors.berlin_group import links, parsing
from bank_api.connectors.berlin_group.client import BerlinClient
from bank_api.connectors.errors import ConfigurationError, InvalidRequest, MalformedResponse, NotFound
from bank_api.connectors.model import Secret, TokenPair

_WELL_KNOWN_PATH = "/.well-known/oauth-authorization-server"
_LONGEST_LIFE = 100 * 366 * 86400


class TokenEndpoint:
	"""Finds the token endpoint, and remembers it for the process."""

	def __init__(self, client: BerlinClient):
		self._client = client
		self._known: dict[str, str] = {}

	def url(self, metadata_url: str) -> str:
		"""As set; else from the metadata: as set, as linked by the consent, or at its well-known place.

		Raises:
			ConfigurationError: nothing of it leads anywhere.
		"""
		settings = self._client.settings
		if settings.token_url:
			return settings.token_url
		place = settings.metadata_url or metadata_url or f"{self._client.config.base_url}{_WELL_KNOWN_PATH}"
		if place not in self._known:
			address = self._client.trusted(place, "authorisation server")
			try:
				found = links.endpoint(self._client, address, "token")
			except (NotFound, MalformedResponse) as error:
				raise ConfigurationError(
					"The provider's token endpoint is not known: enter token_url or metadata_url.",
					status=error.status,
					request_id=error.request_id,
				) from None
			self._known[place] = self._client.trusted(found, "token endpoint")
		return self._known[place]


def exchange(client: BerlinClient, url: str, code: Secret, redirect_url: str, verifier: Secret) -> TokenPair:
	"""See `ConsentConnector.exchange`."""
	form = {
		"grant_type": "authorization_code",
		"code": code.reveal(),
		"redirect_uri": redirect_url,
		"code_verifier": verifier.reveal(),
		"client_id": client.credentials.client_id(),
	}
	return _ask(client, url, form, renewing=False)


def renew(client: BerlinClient, url: str, refresh: Secret) -> TokenPair:
	"""See `ConsentConnector.renew`."""
	if not refresh:
		raise InvalidRequest("There is no refresh token to renew with.")
	form = {
		"grant_type": "refresh_token",
		"refresh_token": refresh.reveal(),
		"client_id": client.credentials.client_id(),
		**dict(client.settings.renew_parameters),
	}
	return _ask(client, url, form, renewing=True)


def _ask(client: BerlinClient, url: str, form: Mapping[str, str], *, renewing: bool) -> TokenPair:
	# The life is counted from before the call: the provider's answer may have travelled for long.
	asked = client.calendar.now()
	return pair_of(client.token_call(url, form, renewing=renewing), asked, client.settings.token_lifetime)


def pair_of(answer: Mapping[str, Any], asked: datetime, default_life: int) -> TokenPair:
	"""The pair of an answer; members that nobody knows are ignored.

	Raises:
		MalformedResponse: there is no token in it, or one that no header takes.
	"""
	access = _token(answer.get("access_token"))
	if access is None:
		raise MalformedResponse("The provider's answer lacks the access token.")
	kind = answer.get("token_type")
	if isinstance(kind, str) and kind and kind.lower() != "bearer":
		raise MalformedResponse("The provider gave a token of a kind that is not known.")
	life = parsing.count(answer.get("expires_in"))
	refresh_life = parsing.count(answer.get("refresh_token_expires_in"))
	return TokenPair(
		access=access,
		refresh=_token(answer.get("refresh_token")),
		expires_at=_after(asked, default_life if life is None else life),
		refresh_expires_at=None if refresh_life is None else _after(asked, refresh_life),
		scope=parsing.text(answer.get("scope")) or "",
	)


def _after(asked: datetime, seconds: int) -> datetime:
	return asked + timedelta(seconds=min(seconds, _LONGEST_LIFE))


def _token(value: Any) -> Secret | None:
	if value is None or value == "":
		return None
	if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
		raise MalformedResponse("The provider gave a token that cannot be sent.")
	return Secret(value)
