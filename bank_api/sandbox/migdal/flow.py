"""What the end user does: the link, log-in, one-time code, choice, validity, approval or refusal (sections 1.3 and 3)."""

import hashlib
from collections.abc import Mapping
from datetime import date
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bank_api.sandbox.migdal.model import OPEN, Account, Authorisation, Code, Consent, Psu, Trip
from bank_api.sandbox.migdal.state import MigdalState
from bank_api.sandbox.migdal.views import Views

LOGIN, OTP, CHOOSE, CONFIRM = "login", "otp", "choose", "confirm"
APPROVED, WAITING, REFUSED, FAILED = "approved", "waiting", "refused", "failed"
ENDED = (APPROVED, WAITING, REFUSED, FAILED)


class LinkError(Exception):
	"""A link that leads nowhere; no redirect is safe (RFC 6749 4.1.2.1).

	Args:
		name: Which notice to show.
		status: HTTP status.
	"""

	def __init__(self, name: str, status: int = 400) -> None:
		super().__init__(name)
		self.name, self.status = name, status


class Denied(Exception):
	"""A request that goes straight back to the client.

	Args:
		location: Where to.
	"""

	def __init__(self, location: str) -> None:
		super().__init__("denied")
		self.location = location


def with_query(address: str, **values: str) -> str:
	"""Add values to an address's query, those that are not empty."""
	parts = urlsplit(address)
	pairs = parse_qsl(parts.query, keep_blank_values=True)
	pairs += [(name, value) for name, value in values.items() if value]
	return urlunsplit(parts._replace(query=urlencode(pairs)))


class Flow:
	"""The steps of a trip. The caller holds the lock."""

	def __init__(self, state: MigdalState, views: Views) -> None:
		self.state, self.views = state, views

	# the link
	def authorize(self, query: Mapping[str, str], cookie: str) -> Trip:
		"""Open a trip from an authorisation request (section 3.1).

		Args:
			query: Its parameters.
			cookie: What the browser keeps from an earlier visit.

		Returns:
			The trip, a known one when the same browser loads the link again.

		Raises:
			LinkError: The client or the address to return to cannot be trusted, or the link was used.
			Denied: The request is wrong otherwise.
		"""
		consent = self._consent(query.get("scope", ""))
		if query.get("client_id") != consent.client_id:
			raise LinkError("bad_client")
		redirect_uri = query.get("redirect_uri", "")
		if self.state.switches.redirect_check and redirect_uri != consent.redirect_uri:
			raise LinkError("bad_redirect")
		if not redirect_uri.startswith(("http://", "https://")):
			raise LinkError("bad_redirect")
		state, challenge = query.get("state", ""), query.get("code_challenge", "")
		self._check(query, redirect_uri, state, challenge, consent)
		mark = hashlib.sha256(f"{state}\n{challenge}".encode()).hexdigest()
		return self._enter(consent, mark, cookie, redirect_uri, state, challenge)

	def _consent(self, scope: str) -> Consent:
		prefix = self.state.switches.scope_prefix
		if not scope.lower().startswith(prefix.lower()):
			raise LinkError("bad_scope")
		consent = self.state.consents.get(scope[len(prefix) :].strip())
		if consent is None:
			raise LinkError("bad_scope")
		return self.state.catch_up(consent)

	def _check(
		self, query: Mapping[str, str], redirect_uri: str, state: str, challenge: str, consent: Consent
	) -> None:
		error = ""
		if query.get("response_type") != "code":
			error = "unsupported_response_type"
		elif not state or (self.state.switches.pkce_required and not challenge) or (challenge and (query.get("code_challenge_method") != "S256" or len(challenge) != 43)):
			error = "invalid_request"
		if error:
			raise Denied(with_query(redirect_uri, error=error, state=state))

	def start(self, ticket: str, query: Mapping[str, str], cookie: str) -> Trip:
		"""Open a trip from a ready link (shape 3); state and challenge may be added to it by the client.

		Args:
			ticket: From the link.
			query: What the client added.
			cookie: What the browser keeps from an earlier visit.

		Returns:
			The trip.

		Raises:
			LinkError: The link is unknown or was used.
		"""
		found = self.state.core.recall(f"migdal_ticket:{ticket}")
		consent = self.state.consents.get(found["consent"]) if found else None
		if consent is None:
			raise LinkError("unknown", 404)
		state, challenge = query.get("state", ""), query.get("code_challenge", "")
		mark = hashlib.sha256(ticket.encode()).hexdigest()
		return self._enter(self.state.catch_up(consent), mark, cookie, consent.redirect_uri, state, challenge)

	def _enter(
		self, consent: Consent, mark: str, cookie: str, redirect_uri: str, state: str, challenge: str
	) -> Trip:
		if mark in consent.tickets:
			trip = next((t for t in self.state.trips.values() if cookie and t.cookie == cookie), None)
			if trip is None or trip.consent != consent.id or trip.step in ENDED:
				raise LinkError("used", 410)
			return trip
		if consent.status not in OPEN:
			raise LinkError("used", 410)
		waiting = [
			a for a in self.state.authorisations_of(consent) if a.status not in ("finalised", "failed")
		]
		if not waiting:
			raise LinkError("not_started", 409)
		consent.tickets.append(mark)
		self.state.core.store.put(consent)
		trip = Trip(
			id=self.state.secret(),
			consent=consent.id,
			authorisation=waiting[0].id,
			cookie=self.state.secret(),
			created=self.state.now,
			redirect_uri=redirect_uri,
			state=state,
			challenge=challenge,
		)
		self.state.core.store.put(trip)
		return trip

	# the steps
	def find(self, trip_id: str, cookie: str) -> Trip:
		"""Return a trip to the browser that began it.

		Raises:
			LinkError: It does not exist, is another browser's, or has ended.
		"""
		trip = self.state.trips.get(trip_id)
		if trip is None:
			raise LinkError("unknown", 404)
		if trip.cookie != cookie:
			raise LinkError("other_browser", 403)
		if trip.step not in ENDED and self.consent(trip).status not in OPEN:
			raise LinkError("used", 410)
		return trip

	def consent(self, trip: Trip) -> Consent:
		"""Return a trip's consent."""
		return self.state.catch_up(self.state.consents[trip.consent])

	def authorisation(self, trip: Trip) -> Authorisation:
		"""Return a trip's authorisation."""
		return self.state.authorisations[trip.authorisation]

	def offered(self, trip: Trip) -> list[Account]:
		"""Return what can be shared: all (BO), what was asked for (DA), or what the first signer chose."""
		consent = self.consent(trip)
		every = self.state.accounts_of(consent)
		wanted = consent.granted.get("accounts") or (
			[] if consent.bank_offered else consent.asked["accounts"]
		)
		return [account for account in every if not wanted or account.number in wanted]

	def latest(self, trip: Trip) -> str:
		"""Return the last day of validity that may be chosen."""
		return self.consent(trip).valid_until

	def submit(self, trip: Trip, form: Mapping[str, str], chosen: list[str]) -> None:
		"""Take what was entered at a step.

		Args:
			trip: The trip.
			form: The form's values.
			chosen: Numbers of the accounts that were ticked.
		"""
		trip.error = ""
		if form.get("action") == "refuse" and trip.step not in ENDED:
			self.refuse(trip)
		elif trip.step == LOGIN:
			self._log_in(trip, form.get("psu_id", "").strip())
		elif trip.step == OTP:
			self._otp(trip, form.get("otp", "").strip())
		elif trip.step in (CHOOSE, CONFIRM):
			self._decide(trip, form, chosen)
		self.state.core.store.put(trip)

	def _log_in(self, trip: Trip, psu_id: str) -> None:
		consent, psu = self.consent(trip), self.state.psus.get(psu_id)
		if psu is None or psu.blocked:
			trip.error = "login_unknown"
			return
		if not consent.psu:  # the client did not say for whom
			consent.psu = psu.id
			self.state.core.store.put(consent)
		if psu.id not in self.views.signers(consent):
			trip.error = "login_other"
			return
		authorisation = self._authorisation_for(trip, psu)
		if authorisation is None:
			trip.error = "login_signed"
			return
		authorisation.psu, trip.authorisation, trip.psu = psu.id, authorisation.id, psu.id
		self.state.set_sca(authorisation, "psuIdentified")
		trip.step = OTP

	def _authorisation_for(self, trip: Trip, psu: Psu) -> Authorisation | None:
		every = self.state.authorisations_of(self.consent(trip))
		if any(found.psu == psu.id and found.status == "finalised" for found in every):
			return None
		waiting = [found for found in every if found.status not in ("finalised", "failed")]
		own = [found for found in waiting if found.psu == psu.id]
		free = [found for found in waiting if not found.psu]
		return next(iter(own + free), None)

	def _otp(self, trip: Trip, otp: str) -> None:
		if otp != self.state.switches.otp:
			trip.tries += 1
			trip.error = "otp_wrong"
			if trip.tries >= self.state.switches.otp_attempts:
				self._end(trip, FAILED)
			return
		self.state.set_sca(self.authorisation(trip), "psuAuthenticated")
		if self.state.psus[trip.psu].declines:
			self.refuse(trip)
			return
		consent, offered = self.consent(trip), self.offered(trip)
		known = {account.number for account in offered}
		if not offered or (not consent.bank_offered and set(consent.asked["accounts"]) - known):
			trip.error = "no_accounts" if consent.bank_offered else "not_yours"
			self._end(trip, FAILED)
			return
		trip.step = CHOOSE if consent.bank_offered and not consent.granted else CONFIRM

	def _decide(self, trip: Trip, form: Mapping[str, str], chosen: list[str]) -> None:
		offered = [account.number for account in self.offered(trip)]
		numbers = [number for number in offered if number in chosen] if trip.step == CHOOSE else offered
		if not numbers:
			trip.error = "none_chosen"
			return
		if not self.consent(trip).granted:
			try:
				until = date.fromisoformat(form.get("valid_until", ""))
			except ValueError:
				trip.error = "bad_date"
				return
			if not str(self.state.today) <= str(until) <= self.latest(trip):
				trip.error = "bad_date"
				return
			self.grant(self.consent(trip), numbers, until)
		self._approve(trip)

	def grant(self, consent: Consent, numbers: list[str], until: date) -> None:
		"""Write down what the first signer gives: only the rights that were asked for, on what was chosen."""
		consent.granted = {
			right: [n for n in numbers if consent.bank_offered or n in asked]
			for right, asked in consent.asked.items()
		}
		consent.valid_until = str(until)
		self.state.core.store.put(consent)

	def _approve(self, trip: Trip) -> None:
		consent = self.consent(trip)
		self.state.set_sca(self.authorisation(trip), "finalised")
		signed = {a.psu for a in self.state.authorisations_of(consent) if a.status == "finalised"}
		complete = signed >= set(self.views.signers(consent))
		if complete:
			self.make_valid(consent)
		else:
			self.state.set_status(consent, "partiallyAuthorised")
		code = self.code_for(consent, trip.redirect_uri, trip.challenge)
		trip.step = APPROVED if complete else WAITING
		trip.location = with_query(trip.redirect_uri, code=code.value, state=trip.state)

	def code_for(self, consent: Consent, redirect_uri: str, challenge: str) -> Code:
		"""Make an authorisation code."""
		code = Code(
			value=self.state.secret(),
			consent=consent.id,
			redirect_uri=redirect_uri,
			challenge=challenge,
			expires=self.state.now + self.state.switches.code_seconds * 1000,
		)
		self.state.core.store.put(code)
		return code

	def make_valid(self, consent: Consent) -> None:
		"""Everybody has signed: the consent counts from now on, and older ones end."""
		self.state.set_status(consent, "valid")
		self._replace_older(consent)

	def _replace_older(self, consent: Consent) -> None:
		"""A recurring consent that becomes valid ends the older ones of the same customer, company and client."""
		if not consent.recurring:
			return
		for other in list(self.state.consents.values()):
			same = (other.client_id, other.psu, other.company) == (
				consent.client_id,
				consent.psu,
				consent.company,
			)
			if other.id == consent.id or not same or not other.recurring or other.created > consent.created:
				continue
			if other.status in ("valid", "suspendedByASPSP"):
				self.state.set_status(other, self.state.switches.replaced_status)
			elif other.status in OPEN:
				self.state.set_status(other, "rejected")

	def refuse(self, trip: Trip) -> None:
		"""The end user does not approve."""
		self._end(trip, REFUSED)

	def _end(self, trip: Trip, step: str) -> None:
		consent = self.consent(trip)
		self.state.set_sca(self.authorisation(trip), "failed")
		self.state.set_status(consent, "rejected")
		trip.step = step
		trip.location = with_query(
			consent.nok_uri or trip.redirect_uri,
			error="access_denied",
			error_description="The end user refused." if step == REFUSED else "The authorisation failed.",
			state=trip.state,
		)
