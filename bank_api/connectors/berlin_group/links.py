"""The end user's one-time page in its four shapes, and what the browser brings back (2.4, 3.1, 3.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from bank_api.connectors.berlin_group.client import BerlinClient
from bank_api.connectors.errors import ConfigurationError, InvalidRequest, MalformedResponse
from bank_api.connectors.model import LinkReturn, Secret

_WELL_KNOWN = re.compile(r"/\.well-known/|/(?:openid-configuration|oauth-authorization-server)/?\Z")
_PLACEHOLDER = re.compile(r"(?:\[|%5[Bb])([A-Za-z_]{3,40})(?:\]|%5[Dd])")
_CONTEXT = re.compile(r"[A-Za-z0-9_.~-]{1,200}\Z", re.ASCII)
_ERROR = re.compile(r"[a-z_]{1,64}\Z", re.ASCII)
_CODE = re.compile(r"[\x21-\x7e]{1,2048}\Z")
_WORDS = {
	"client_id": "client_id",
	"redirect_uri": "redirect_uri",
	"redirect_url": "redirect_uri",
	"state": "state",
	"scope": "scope",
	"code_challenge": "code_challenge",
	"challenge": "code_challenge",
	"code_challenge_method": "code_challenge_method",
	"response_type": "response_type",
}


@dataclass(frozen=True, slots=True)
class Trip:
	"""What one trip of an end user is bound to."""

	consent_id: str
	state: str
	redirect_url: str
	code_challenge: str


@dataclass(frozen=True, slots=True)
class Page:
	"""Where the end user goes, and where the source says that its token endpoint is described."""

	url: str
	metadata_url: str = ""


def page(client: BerlinClient, links: Any, approach: str, trip: Trip) -> Page:
	"""The page that an answer's `_links` stand for; an empty address if there is none yet.

	Args:
		client: speaks to the source.
		links: the `_links` member.
		approach: `ASPSP-SCA-Approach`.
		trip: what the page is bound to.

	Raises:
		ProviderError: the metadata cannot be read, or a link cannot be used.
	"""
	oauth, redirect = href(links, "scaOAuth"), href(links, "scaRedirect")
	if oauth:
		address = _absolute(f"{client.config.base_url}/", oauth)
		if _WELL_KNOWN.search(urlsplit(address).path):
			metadata_url = client.trusted(address, "authorisation server")
			return Page(
				_authorise_page(client, endpoint(client, metadata_url, "authorization"), trip), metadata_url
			)
		return Page(_authorise_page(client, _replaced(client, address, trip), trip))
	if redirect:
		return Page(_ready_page(client, _absolute(f"{client.config.base_url}/", redirect), trip))
	if approach.upper() in ("DECOUPLED", "EMBEDDED") or needs_start(links):
		return Page("")
	return _configured_page(client, trip)


def needs_start(links: Any) -> bool:
	"""Whether an authorisation has to be started for each signer first (2.7)."""
	return isinstance(links, dict) and any(name.startswith("startAuthorisation") for name in links)


def href(links: Any, name: str) -> str:
	"""The address of one link, in its proper form or as bare text."""
	link = links.get(name) if isinstance(links, dict) else None
	value = link.get("href") if isinstance(link, dict) else link
	return value.strip() if isinstance(value, str) else ""


def endpoint(client: BerlinClient, metadata_url: str, kind: str) -> str:
	"""An endpoint out of the authorisation server's metadata.

	Args:
		client: speaks to the source.
		metadata_url: an address that may be asked.
		kind: `authorization` or `token`.

	Raises:
		ProviderError: it cannot be read, or names none.
	"""
	value = client.metadata(metadata_url).get(f"{kind}_endpoint")
	if not isinstance(value, str) or not value:
		raise MalformedResponse("The provider's authorisation server does not name its endpoints.")
	return _absolute(metadata_url, value)


def read_return(query: Mapping[str, str]) -> LinkReturn:
	"""Read what the browser brought back; see `Connector.parse_return`.

	All of it is a hint: `state` finds the request, and the consent's status is asked for.
	"""
	code = query.get("code")
	error = query.get("error")
	usable = isinstance(code, str) and _CODE.match(code) is not None
	refused = isinstance(error, str) and bool(error)
	state = query.get("state")
	return LinkReturn(
		context=state if isinstance(state, str) and _CONTEXT.match(state) else None,
		success=usable and not refused,
		code=Secret(str(code)) if usable and not refused else None,
		error=(str(error) if _ERROR.match(str(error)) else "invalid_error") if refused else None,
	)


def redirect_uri(client: BerlinClient, trip_state: str, redirect_url: str) -> str:
	"""`TPP-Redirect-URI`: the gateway's address, with the state where the setting says so."""
	if not client.settings.state_in_redirect_uri:
		return redirect_url
	return _completed(redirect_url, {"state": trip_state})


def _absolute(base: str, address: str) -> str:
	try:
		return urljoin(base, address)
	except ValueError:
		raise MalformedResponse("The provider's link is no address.") from None


def _configured_page(client: BerlinClient, trip: Trip) -> Page:
	"""Shape 4: the source gives no link; its address is ours to know (1.3 d)."""
	settings = client.settings
	if settings.authorize_url:
		return Page(_authorise_page(client, settings.authorize_url, trip))
	if settings.metadata_url:
		address = client.trusted(settings.metadata_url, "authorisation server")
		return Page(_authorise_page(client, endpoint(client, address, "authorization"), trip))
	raise ConfigurationError(
		"The provider's answer has no link for the end user: enter its page in the provider record "
		"(authorize_url or metadata_url)."
	)


def _parameters(client: BerlinClient, trip: Trip) -> dict[str, str]:
	return {
		"response_type": "code",
		"client_id": client.credentials.client_id(),
		"scope": client.settings.scope.replace("{consent_id}", trip.consent_id),
		"redirect_uri": trip.redirect_url,
		"state": trip.state,
		"code_challenge": trip.code_challenge,
		"code_challenge_method": "S256",
	}


def _authorise_page(client: BerlinClient, address: str, trip: Trip) -> str:
	"""An authorisation endpoint with all parameters that it does not carry yet."""
	return _for_a_browser(client, _completed(address, _parameters(client, trip)))


def _ready_page(client: BerlinClient, address: str, trip: Trip) -> str:
	"""Shape 3: a ready link. It cannot know our state yet; where the link may not be added to, the state rides in the
	redirect URI (setting `state_in_redirect_uri`)."""
	if not client.settings.state_in_redirect_uri:
		bound = {
			"state": trip.state,
			"code_challenge": trip.code_challenge,
			"code_challenge_method": "S256",
		}
		address = _completed(address, bound)
	return _for_a_browser(client, address)


def _replaced(client: BerlinClient, address: str, trip: Trip) -> str:
	"""Shape 2: an authorise URL with placeholders such as `[CLIENT_ID]` and `[TPP_REDIRECT_URI]`."""
	values = _parameters(client, trip)

	def value(match: re.Match[str]) -> str:
		name = _WORDS.get(match[1].lower().removeprefix("tpp_"))
		if name is None:
			raise MalformedResponse("The provider's link has a placeholder that is not known.")
		return quote(values[name], safe="")

	return _PLACEHOLDER.sub(value, address)


def _completed(address: str, parameters: Mapping[str, str]) -> str:
	"""An address with the parameters that it lacks; a foreign value for one of ours is refused."""
	try:
		parts = urlsplit(address)
	except ValueError:
		raise MalformedResponse("The provider's link is no address.") from None
	present = dict(parse_qsl(parts.query, keep_blank_values=True))
	for name in ("state", "code_challenge", "redirect_uri"):
		if name in present and name in parameters and present[name] != parameters[name]:
			raise MalformedResponse("The provider's link is bound to another request than ours.")
	missing = {name: value for name, value in parameters.items() if name not in present}
	query = "&".join(filter(None, (parts.query, urlencode(missing, quote_via=quote, safe=""))))
	return parts._replace(query=query).geturl()


def _for_a_browser(client: BerlinClient, address: str) -> str:
	"""An address to which a browser may be sent: https; in a sandbox also the plain pages of a host that is named."""
	try:
		parts = urlsplit(address)
		host = parts.hostname
	except ValueError:
		parts, host = urlsplit(""), None
	in_sandbox = client.settings.environment.lower() == "sandbox"
	if host and not parts.username and (parts.scheme == "https" or (parts.scheme == "http" and in_sandbox)):
		if not any(c.isspace() or not c.isprintable() for c in address):
			return address
	raise MalformedResponse("The provider's answer lacks a usable address of its page.")


def check_trip(trip: Trip) -> None:
	"""Refuse a trip that could not be recognised on its way back.

	Raises:
		InvalidRequest: a value is missing or has no usable form.
	"""
	if not _CONTEXT.match(trip.state) or not _CONTEXT.match(trip.code_challenge) or not trip.redirect_url:
		raise InvalidRequest("A consent needs a state, a code challenge and a redirect address.")
