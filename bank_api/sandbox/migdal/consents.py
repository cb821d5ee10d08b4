"""Consents and their authorisations (section 2)."""

from collections.abc import Callable
from typing import Any

from bank_api.sandbox.migdal import access
from bank_api.sandbox.migdal.call import Call, Reply
from bank_api.sandbox.migdal.errors import Xs2aError
from bank_api.sandbox.migdal.model import FINAL, OPEN, Authorisation, Consent
from bank_api.sandbox.migdal.state import MigdalState
from bank_api.sandbox.migdal.views import Views

METADATA = "/.well-known/oauth-authorization-server"
_METHOD = {"authenticationType": "SMS_OTP", "authenticationMethodId": "sms", "name": "SMS"}


class Consents:
	"""The consent operations. The caller holds the lock and has verified the request.

	Args:
		state: The records.
		views: Writes them.
		api_url: Address of the API.
		pages_url: Address of the end user's pages.
	"""

	def __init__(
		self, state: MigdalState, views: Views, api_url: Callable[[], str], pages_url: Callable[[], str]
	) -> None:
		self.state, self.views, self.api_url, self.pages_url = state, views, api_url, pages_url

	def create(self, call: Call) -> Reply:
		"""POST consents."""
		headers, switches = call.headers, self.state.switches
		company = access.company_of(headers)
		access.ip_address(headers, required=True)
		redirect_uri = access.redirect_uri(headers, "TPP-Redirect-URI", required=True)
		nok_uri = access.redirect_uri(headers, "TPP-Nok-Redirect-URI", required=False)
		psu_id = access.header(headers, "PSU-ID", switches.psu_id_required)
		psu = self.state.psus.get(psu_id)
		if psu_id and (psu is None or psu.blocked):
			raise Xs2aError(401, "PSU_CREDENTIALS_INVALID", "This customer is unknown or blocked.", "PSU-ID")
		wish = access.read_wish(call.body, self.state.today, switches)
		explicit = switches.explicit_authorisation or bool(psu and psu.signers)
		explicit = explicit or headers.get("TPP-Explicit-Authorisation-Preferred", "").lower() == "true"
		consent = Consent(
			id=self.state.new_id(),
			client_id=call.leaf.organization_identifier,
			client_name=call.leaf.organization,
			company=company,
			psu=psu_id,
			bank_offered=wish.bank_offered,
			asked=wish.asked,
			restricted_to=wish.restricted_to,
			recurring=wish.recurring,
			valid_until=str(min(wish.valid_until, self.views.latest(psu))),
			frequency=wish.frequency,
			created=self.state.now,
			last_action=str(self.state.today),
			redirect_uri=redirect_uri,
			nok_uri=nok_uri,
			explicit=explicit,
			base=call.base,
		)
		self.state.core.store.put(consent)
		return self._created(consent, call)

	def _created(self, consent: Consent, call: Call) -> Reply:
		own = f"{call.base}/{consent.id}"
		links = {"self": self._href(own), "status": self._href(f"{own}/status")}
		body: dict[str, Any] = {"consentStatus": consent.status, "consentId": consent.id}
		if consent.explicit:
			links["startAuthorisation"] = self._href(f"{own}/authorisations")
		else:
			authorisation = self.authorise(consent)
			links |= self._sca_links(consent, authorisation)
			links["scaStatus"] = self._href(f"{own}/authorisations/{authorisation.id}")
			body |= {"scaStatus": authorisation.status, "chosenScaMethod": _METHOD}
		headers = {
			"Location": self.api_url() + own,
			"ASPSP-SCA-Approach": "REDIRECT",
			"ASPSP-Notification-Support": "false",
		}
		return Reply(201, body | {"_links": links}, headers)

	def authorise(self, consent: Consent, psu: str = "") -> Authorisation:
		"""Open an authorisation."""
		found = Authorisation(self.state.new_id(), consent.id, psu)
		self.state.core.store.put(found)
		return found

	def _href(self, path: str) -> dict[str, str]:
		return {"href": self.views.link(path)}

	def _sca_links(self, consent: Consent, authorisation: Authorisation) -> dict[str, dict[str, str]]:
		"""Give the one-time link in one of the four shapes (section 2.4)."""
		shape = self.state.switches.link_shape
		if shape == 1:
			return {"scaOAuth": {"href": self.api_url() + METADATA}}
		if shape == 2:
			template = (
				f"{self.pages_url()}/oauth/authorize?response_type=code&client_id=[CLIENT_ID]"
				f"&scope={self.state.switches.scope_prefix}{consent.id}"
				"&redirect_uri=[TPP_REDIRECT_URI]&state=[TPP_STATE]"
			)
			return {"scaOAuth": {"href": template}}
		if shape == 3:
			ticket = self.state.secret()
			self.state.core.remember(
				f"migdal_ticket:{ticket}", {"consent": consent.id, "authorisation": authorisation.id}
			)
			return {"scaRedirect": {"href": f"{self.pages_url()}/oauth/start/{ticket}"}}
		return {}

	# reading
	def find(self, call: Call, consent_id: str) -> Consent:
		"""Return a client's own consent.

		Raises:
			Xs2aError: It does not exist, or is another client's (section 7.3).
		"""
		consent = self.state.consents.get(consent_id)
		if consent is None:
			raise Xs2aError(403, "CONSENT_UNKNOWN", "This consent does not exist.")
		if consent.client_id != call.leaf.organization_identifier:
			raise Xs2aError(400, "CONSENT_UNKNOWN", "This consent is not yours.")
		return self.state.catch_up(consent)

	def read(self, call: Call, consent_id: str) -> Reply:
		"""GET consents/{id}."""
		access.ip_address(call.headers, required=False)
		return Reply(200, self.views.consent(self.find(call, consent_id)))

	def status(self, call: Call, consent_id: str) -> Reply:
		"""GET consents/{id}/status."""
		access.ip_address(call.headers, required=False)
		return Reply(200, {"consentStatus": self.find(call, consent_id).status})

	def delete(self, call: Call, consent_id: str) -> Reply:
		"""DELETE consents/{id}."""
		consent = self.find(call, consent_id)
		if consent.status in FINAL:
			if self.state.switches.delete_final == 400:
				raise Xs2aError(400, "RESOURCE_EXPIRED", "This consent has already ended.")
		else:
			self.state.set_status(consent, "terminatedByTpp")
		return Reply(204, None)

	# authorisations
	def list_authorisations(self, call: Call, consent_id: str) -> Reply:
		"""GET consents/{id}/authorisations."""
		consent = self.find(call, consent_id)
		return Reply(200, {"authorisationIds": [found.id for found in self.state.authorisations_of(consent)]})

	def start_authorisation(self, call: Call, consent_id: str) -> Reply:
		"""POST consents/{id}/authorisations: one for each signer."""
		consent = self.find(call, consent_id)
		if consent.status not in OPEN:
			raise Xs2aError(409, "STATUS_INVALID", "This consent cannot be authorised any more.")
		psu = access.header(call.headers, "PSU-ID", required=False)
		if psu and psu not in self.views.signers(consent):
			raise Xs2aError(401, "PSU_CREDENTIALS_INVALID", "This person does not sign here.", "PSU-ID")
		authorisation = self.authorise(consent, psu)
		own = f"{call.base}/{consent.id}/authorisations/{authorisation.id}"
		links = self._sca_links(consent, authorisation) | {"scaStatus": self._href(own)}
		body = {
			"scaStatus": authorisation.status,
			"authorisationId": authorisation.id,
			"chosenScaMethod": _METHOD,
			"_links": links,
		}
		headers = {"ASPSP-SCA-Approach": "REDIRECT", "Location": self.api_url() + own}
		return Reply(201, body, headers)

	def _authorisation(self, call: Call, consent_id: str, authorisation_id: str) -> Authorisation:
		consent = self.find(call, consent_id)
		found = self.state.authorisations.get(authorisation_id)
		if found is None or found.consent != consent.id:
			raise Xs2aError(404, "RESOURCE_UNKNOWN", "This authorisation does not exist.")
		return found

	def sca_status(self, call: Call, consent_id: str, authorisation_id: str) -> Reply:
		"""GET consents/{id}/authorisations/{id}."""
		return Reply(200, {"scaStatus": self._authorisation(call, consent_id, authorisation_id).status})

	def update_psu(self, call: Call, consent_id: str, authorisation_id: str) -> Reply:
		"""PUT consents/{id}/authorisations/{id}: only the person can be named; the rest happens on the pages."""
		authorisation = self._authorisation(call, consent_id, authorisation_id)
		psu = access.header(call.headers, "PSU-ID")
		consent = self.state.consents[consent_id]
		if psu not in self.views.signers(consent):
			raise Xs2aError(401, "PSU_CREDENTIALS_INVALID", "This person does not sign here.", "PSU-ID")
		if authorisation.status != "received":
			raise Xs2aError(409, "STATUS_INVALID", "This authorisation has moved on.")
		authorisation.psu = psu
		self.state.set_sca(authorisation, "psuIdentified")
		own = f"{call.base}/{consent_id}/authorisations/{authorisation_id}"
		links = self._sca_links(consent, authorisation) | {"scaStatus": self._href(own)}
		return Reply(200, {"scaStatus": authorisation.status, "_links": links})
