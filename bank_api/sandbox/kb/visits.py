"""A browser's way through log-in, code and decision: to register an application, to consent, into the channel."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from bank_api.sandbox.kb.caas import ISSUER, Caas
from bank_api.sandbox.kb.model import SCOPES, App, Trip, User
from bank_api.sandbox.kb.registration import Registration
from bank_api.sandbox.kb.state import KbState

REGISTER, AUTHORIZE, CHANNEL = "register", "authorize", "channel"
LOGIN, CODE, DECIDE, HOME = "login", "code", "decide", "home"
DONE, REFUSED, FAILED = "done", "refused", "failed"
ENDED = (DONE, REFUSED, FAILED)
_TRIES = 3
_MINUTES = 30


class Notice(Exception):
	"""A visit that cannot go on, and has nowhere to be sent back to.

	Args:
		name: Which text to show.
	"""

	def __init__(self, name: str) -> None:
		super().__init__(name)
		self.name = name


def with_query(address: str, **values: str) -> str:
	"""Add values to an address."""
	parts = urlsplit(address)
	query = "&".join(filter(None, [parts.query, urlencode({k: v for k, v in values.items() if v})]))
	return urlunsplit(parts._replace(query=query))


class Visits:
	"""The steps. The caller holds the lock."""

	def __init__(self, state: KbState, registration: Registration, caas: Caas) -> None:
		self.state, self.registration, self.caas = state, registration, caas

	# beginning
	def register(self, values: Mapping[str, str]) -> Trip:
		"""Begin an application's registration (section 2.4)."""
		wanted = self.registration.read(values.get("registrationRequest", ""))
		if wanted is None:
			raise Notice("bad_request")
		return self._begin(REGISTER, {**wanted, "state": values.get("state", "")})

	def authorize(self, values: Mapping[str, str]) -> Trip:
		"""Begin a consent (section 2.5)."""
		app = self.state.apps.get(values.get("client_id", ""))
		scopes = values.get("scope", "").split()
		sound = (
			app is not None
			and app.active
			and values.get("response_type") == "code"
			and values.get("redirect_uri") in app.redirect_uris
			and bool(scopes)
			and set(scopes) <= set(app.scopes) & set(SCOPES)
		)
		if app is None or not sound:
			raise Notice("bad_client")
		names = ("redirect_uri", "state")
		request = {name: values.get(name, "") for name in names}
		return self._begin(AUTHORIZE, {**request, "client_id": app.client_id, "scopes": scopes})

	def channel(self) -> Trip:
		"""Begin a visit to the bank's channel."""
		return self._begin(CHANNEL, {})

	def _begin(self, purpose: str, request: dict[str, object]) -> Trip:
		trip = Trip(
			id=self.state.secret(12),
			purpose=purpose,
			cookie=self.state.secret(),
			created=self.state.now,
			request=request,
		)
		return self.state.put(trip)

	def find(self, trip_id: str, cookie: str, *purposes: str) -> Trip:
		"""Return the visit of this very browser.

		Raises:
			Notice: There is none, or it took too long.
		"""
		trip = self.state.trips.get(trip_id)
		if trip is None or trip.purpose not in purposes or not cookie or trip.cookie != cookie:
			raise Notice("unknown")
		if self.state.now >= trip.created + _MINUTES * 60_000 and trip.purpose != CHANNEL:
			raise Notice("unknown")
		return trip

	def app_name(self, trip: Trip) -> str:
		"""Return the name of the application that a visit is about."""
		app = self.state.apps.get(str(trip.request.get("client_id", "")))
		return app.name if app else str(trip.request.get("clientName", ""))

	# going on
	def submit(self, trip: Trip, form: Mapping[str, str], accounts: Sequence[str]) -> None:
		"""Take what a form says."""
		trip.error = ""
		if form.get("action") == "refuse" and trip.purpose != CHANNEL:
			self._end(trip, REFUSED, error="access_denied")
		elif trip.step == LOGIN:
			self._login(trip, form.get("user", "").strip())
		elif trip.step == CODE:
			self._code(trip, form.get("code", "").strip())
		elif trip.step == DECIDE:
			self._decide(trip, accounts)
		self.state.put(trip)

	def _login(self, trip: Trip, number: str) -> None:
		user = self.state.users.get(number)
		if user is None:
			trip.error = "user_unknown"
		elif user.blocked:
			trip.error = "user_blocked"
		elif trip.purpose == CHANNEL and not user.channel:
			trip.error = "no_channel"
		else:
			trip.user, trip.step = user.id, CODE

	def _code(self, trip: Trip, code: str) -> None:
		if code == self.state.switches.code:
			trip.step, trip.tries = (HOME if trip.purpose == CHANNEL else DECIDE), 0
			return
		trip.tries += 1
		trip.error = "code_wrong"
		if trip.tries >= _TRIES:
			trip.error = ""
			self._end(trip, FAILED, error="access_denied")

	def _decide(self, trip: Trip, accounts: Sequence[str]) -> None:
		if trip.purpose == REGISTER:
			app, sealed = self.registration.register(trip.request)
			trip.request = {**trip.request, "client_id": app.client_id}
			self._end(trip, DONE, **sealed)
			return
		user = self.state.users[trip.user]
		chosen = [account.iban for account in self.state.accounts_of(user) if account.iban in accounts]
		if not chosen:
			trip.error = "none_chosen"
			return
		self._end(trip, DONE, **self.grant(trip.request, user, chosen))

	def grant(self, request: Mapping[str, object], user: User, accounts: list[str]) -> dict[str, str]:
		"""Make the code of a consent; what the browser carries back."""
		app: App = self.state.apps[str(request["client_id"])]
		scopes = list(request["scopes"])  # type: ignore[call-overload]
		made = self.caas.code(app, user.id, scopes, accounts, str(request["redirect_uri"]))
		return {"code": made.code, "iss": ISSUER, "client_id": app.client_id}

	def _end(self, trip: Trip, step: str, **values: str) -> None:
		trip.step = step
		back = trip.request.get("back") or trip.request.get("redirect_uri")
		if back:
			trip.location = with_query(str(back), **values, state=str(trip.request.get("state", "")))
