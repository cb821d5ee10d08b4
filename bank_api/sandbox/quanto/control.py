"""Quanto's part of the control API, under ``/_control/quanto`` (README.md)."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from bank_api.sandbox.faults import Fault
from bank_api.sandbox.http import ControlError, ControlRoute
from bank_api.sandbox.quanto import errors, permissions
from bank_api.sandbox.quanto.authority import BRCAC, BRSEAL, IssueError, pem
from bank_api.sandbox.quanto.bank import seed
from bank_api.sandbox.quanto.bank.consents import ASPSP, USER
from bank_api.sandbox.quanto.bank.directory import BANKS, institution
from bank_api.sandbox.quanto.bank.model import (
	AUTHORISED,
	AWAITING,
	REJECTED,
	Consent,
)
from bank_api.sandbox.quanto.control_data import DataControl
from bank_api.sandbox.quanto.errors import OfbError
from bank_api.sandbox.quanto.hooks import sign
from bank_api.sandbox.quanto.model import Hook, HookDelivery, Tenant
from bank_api.sandbox.quanto.stamps import moment, stamp

if TYPE_CHECKING:
	from bank_api.sandbox.quanto.provider import Quanto

Values = dict[str, Any]
_REASONS = (
	"CONSENT_EXPIRED",
	"CUSTOMER_MANUALLY_REJECTED",
	"CUSTOMER_MANUALLY_REVOKED",
	"CONSENT_MAX_DATE_REACHED",
	"CONSENT_TECHNICAL_ISSUE",
	"INTERNAL_SECURITY_REASON",
)
_SENDING = ("retry_schedule", "timeout", "copies", "shuffle", "reverse", "delay")


class QuantoControl:
	"""Handlers take the request's JSON (query parameters for GET); they hold the lock."""

	def __init__(self, quanto: "Quanto") -> None:
		self.quanto, self.state, self.core = quanto, quanto.state, quanto.core
		self.data = DataControl(quanto.banks)

	def info(self, values: Values) -> Values:
		"""Describe the listeners and what a client needs to begin."""
		return {
			"now_ms": self.state.now,
			"url": self.quanto.url,
			"banks_url": self.quanto.banks.url,
			"ca": self.quanto.setup.authority.issuers["root"].pem,
			"banks": [{"key": bank.key, **institution(bank)} for bank in BANKS.values()],
			"person": seed.PERSON,
			"company": seed.COMPANY,
			"second_approver": seed.APPROVER,
			"groups": {group.key: list(group.permissions) for group in permissions.GROUPS},
			"tenants": [_tenant(tenant) for tenant in self.quanto.api.tenants.values()],
		}

	def get_switches(self, values: Values) -> Values:
		"""Show the switches."""
		return asdict(self.state.switches)

	def set_switches(self, values: Values) -> Values:
		"""Change switches."""
		try:
			self.state.switches.update(values)
		except ValueError as error:
			raise ControlError(400, str(error)) from error
		self.quanto.remember_switches()
		return asdict(self.state.switches)

	# set-up
	def onboarding(self, values: Values) -> Values:
		"""Make an onboarding link, as after a contract was signed."""
		found = self.quanto.setup.invite()
		return {"link": f"{self.quanto.url}/onboarding/{found.token}", "expires": stamp(found.expires)}

	def issue(self, values: Values) -> Values:
		"""Issue from a request: ``csr``, ``profile``; ``days``, ``expired``, ``by``, ``digest`` spoil it."""
		profile = str(values["profile"]).upper()
		if profile not in (BRCAC, BRSEAL):
			raise ControlError(400, f"profile must be {BRCAC} or {BRSEAL}")
		now = moment(self.state.now).replace(microsecond=0)
		begin = min(now, datetime.now(timezone.utc).replace(microsecond=0)) - timedelta(days=1)
		end = now + timedelta(days=float(values.get("days", 365)))
		if values.get("expired"):
			begin, end = now - timedelta(days=60), now - timedelta(days=1)
		try:
			chain = self.quanto.setup.authority.issue(
				values["csr"],
				profile,
				begin,
				end,
				by=values.get("by", ""),
				digest=values.get("digest", "sha256"),
			)
		except IssueError as error:
			raise ControlError(400, str(error)) from error
		return {
			"certificate": pem(chain[0]),
			"chain": "".join(map(pem, chain)),
			"ca": self.quanto.setup.authority.issuers["root"].pem,
			"serial": f"{chain[0].serial_number:X}",
		}

	def tenants(self, values: Values) -> Values:
		"""List the institutions."""
		return {"tenants": [_tenant(tenant) for tenant in self.quanto.api.tenants.values()]}

	def new_key(self, values: Values, tenant_id: str) -> Values:
		"""Make a further API key of an institution."""
		key_id, key = self.quanto.setup.new_key(self._tenant(tenant_id))
		return {"apiKeyId": key_id, "apiKey": key}

	def _tenant(self, tenant_id: str) -> Tenant:
		found = self.quanto.api.tenants.get(tenant_id)
		if found is None:
			raise ControlError(404, "unknown institution")
		return found

	def revoke_key(self, values: Values, key_id: str) -> Values:
		"""Revoke an API key."""
		found = self.quanto.api.keys.get(key_id)
		if found is None:
			raise ControlError(404, "unknown key")
		found.revoked = True
		self.core.store.put(found)
		return {"revoked": key_id}

	# sessions and consents
	def sessions(self, values: Values) -> Values:
		"""List the sessions."""
		return {"sessions": [asdict(found) for found in self.quanto.sessions.sessions.values()]}

	def expire_session(self, values: Values, session_id: str) -> Values:
		"""End a session's time now."""
		found = self.quanto.sessions.sessions.get(session_id)
		if found is None:
			raise ControlError(404, "unknown session")
		found.expires = self.state.now
		self.quanto.sessions.catch_up(found)
		self.core.store.put(found)
		return asdict(found)

	def list_consents(self, values: Values) -> Values:
		"""List the banks' consents (``document``, ``session``)."""
		found = [
			self._consent(consent)
			for consent in self.state.consents.values()
			if values.get("document") in (None, consent.document)
		]
		if "session" in values:
			found = [row for row in found if row["session"] == values["session"]]
		return {"consents": found}

	def _consent(self, consent: Consent) -> Values:
		self.quanto.banks.consents.catch_up(consent)
		sharing = self.quanto.aggregator.sharings.get(consent.id)
		data = self.quanto.banks.data
		return {
			**asdict(consent),
			"expires_at": stamp(consent.expires) if consent.expires else None,
			"states": {product.id: data.state_of(consent, product) for product in data.granted(consent)},
			"session": sharing.session if sharing else "",
			"announced": sharing.announced if sharing else "",
		}

	def _find(self, consent_id: str) -> Consent:
		found = self.state.consents.get(consent_id)
		if found is None:
			raise ControlError(404, "unknown consent")
		return self.quanto.banks.consents.catch_up(found)

	def show_consent(self, values: Values, consent_id: str) -> Values:
		"""Show one as the bank has it, with the states of its resources."""
		return self._consent(self._find(consent_id))

	def share(self, values: Values, session_id: str) -> Values:
		"""Share without the pages: ``bank``, ``groups``, ``resources``, ``approve`` false leaves it waiting."""
		flow, session = self.quanto.flow, self.quanto.sessions.sessions.get(session_id)
		if session is None:
			raise ControlError(404, "unknown session")
		if flow.open(session.ticket) is None:
			raise ControlError(409, f"the session is {session.status}")
		bank = BANKS[values.get("bank", "ipe")]
		keys = values.get("groups") or [group.key for group in flow.groups(session)]
		wanted = permissions.of_groups(group.key for group in flow.groups(session) if group.key in keys)
		try:
			self.quanto.aggregator.begin(session, bank, wanted, values.get("replaces", ""))
		except OfbError as error:
			raise ControlError(409, str(error)) from error
		consent = self._find(session.consents[-1])
		if values.get("approve", True):
			self._approve(consent, values)
		return self._consent(consent)

	def finish(self, values: Values, session_id: str) -> Values:
		"""End a session without the pages; gives the ``location`` of the way back."""
		session = self.quanto.sessions.sessions.get(session_id)
		if session is None:
			raise ControlError(404, "unknown session")
		self.quanto.flow.open(session.ticket)
		return {"location": self.quanto.flow.finish(session)}

	def approve(self, values: Values, consent_id: str) -> Values:
		"""Approve a waiting consent without the pages: ``resources`` (all), ``cpf`` (the one it names)."""
		consent = self._find(consent_id)
		if consent.status != AWAITING:
			raise ControlError(409, f"the consent is {consent.status}")
		self._approve(consent, values)
		return self._consent(consent)

	def _approve(self, consent: Consent, values: Values) -> None:
		offered = [product.id for product in self.quanto.banks.flow.offered(consent)]
		chosen = values.get("resources") or offered
		if set(chosen) - set(offered):
			raise ControlError(400, "these are not the customer's")
		self.quanto.banks.consents.authorise(consent, values.get("cpf", consent.cpf), chosen)
		sharing = self.quanto.aggregator.sharings.get(consent.id)
		if sharing is not None:
			sharing.redirect_state = ""
			self.quanto.aggregator.exchange(sharing, self.quanto.banks.oauth.code_for(consent))
			if values.get("read", True):
				self.quanto.aggregator.read(sharing, quiet=True)

	def refuse(self, values: Values, consent_id: str) -> Values:
		"""The customer refuses a waiting consent."""
		return self._end(consent_id, USER, "CUSTOMER_MANUALLY_REJECTED", (AWAITING,))

	def revoke(self, values: Values, consent_id: str) -> Values:
		"""The customer revokes at the bank."""
		return self._end(consent_id, USER, "CUSTOMER_MANUALLY_REVOKED", (AUTHORISED,))

	def reject(self, values: Values, consent_id: str) -> Values:
		"""End a consent in any way: ``by`` (ASPSP), ``code`` (CONSENT_TECHNICAL_ISSUE)."""
		code = values.get("code", "CONSENT_TECHNICAL_ISSUE")
		if code not in _REASONS:
			raise ControlError(400, f"code must be one of {', '.join(_REASONS)}")
		return self._end(consent_id, values.get("by", ASPSP), code, (AWAITING, AUTHORISED))

	def _end(self, consent_id: str, by: str, code: str, allowed: tuple[str, ...]) -> Values:
		consent = self._find(consent_id)
		if consent.status not in allowed:
			raise ControlError(409, f"the consent is {consent.status}")
		self.quanto.banks.consents.reject(consent, by, code)
		return self._consent(consent)

	def expire(self, values: Values, consent_id: str) -> Values:
		"""A consent's time is over: an authorised one's now, or at ``in_seconds``; a waiting one's 60 minutes."""
		consent = self._find(consent_id)
		if consent.status == REJECTED:
			raise ControlError(409, "the consent is over")
		at = self.state.now + int(float(values.get("in_seconds", 0)) * 1000)
		if consent.status == AWAITING:
			consent.created = at - self.state.switches.waiting_minutes * 60_000
		else:
			consent.expires = at
		self.core.store.put(consent)
		return self._consent(self._find(consent_id))

	def decide(self, values: Values, consent_id: str) -> Values:
		"""A further approver decides: ``agree`` (true), ``cpf`` (whoever is missing), ``resource`` (all)."""
		consent = self._find(consent_id)
		if consent.status != AUTHORISED:
			raise ControlError(409, f"the consent is {consent.status}")
		waiting = [key for key, state in consent.resources.items() if state == "pending"]
		if "resource" in values:
			waiting = [key for key in waiting if key == values["resource"]]
		if not waiting:
			raise ControlError(409, "nothing waits for an approver")
		for key in waiting:
			missing = [c for c in self.state.products[key].approvers if c not in consent.approvals[key]]
			for cpf in [values["cpf"]] if "cpf" in values else missing:
				self.quanto.banks.consents.decide(consent, cpf, key, bool(values.get("agree", True)))
		return self._consent(consent)

	def poll(self, values: Values) -> Values:
		"""Let Quanto read the banks now."""
		self.quanto.poll()
		return {"consents": [asdict(sharing) for sharing in self.quanto.aggregator.sharings.values()]}

	# failures and calls
	def fail(self, values: Values) -> Values:
		"""Make the next matching calls fail in OFB's shape: ``status``, ``code``, ``path``, ``times``, ``retry_after``."""
		error = OfbError(
			int(values.get("status", 500)),
			values.get("code", ""),
			values.get("detail", "A failure on demand."),
		)
		rule = Fault(
			kind="status",
			path=values.get("path", "/v1/"),
			method=values.get("method"),
			times=int(values.get("times", 1)),
			skip=int(values.get("skip", 0)),
			status=error.status,
			retry_after=values.get("retry_after"),
			body=errors.body(error, self.state.stamp),
			content_type="application/json; charset=utf-8",
			execute=bool(values.get("execute", False)),
		)
		return asdict(self.core.faults.add(rule))

	def requests(self, values: Values) -> Values:
		"""Show the calls of both listeners, without Quanto's polls."""
		calls = self.core.calls.read(values.get("path"), int(values.get("since", 0)), 20000)
		doors = (values["door"],) if "door" in values else ("quanto", "banks")
		found = [call for call in calls if call.get("door") in doors]
		return {"requests": found[-int(values.get("limit", 1000)) :]}

	# webhooks
	def sending(self, values: Values) -> Values:
		"""Change how webhooks are delivered: ``retry_schedule``, ``timeout``, ``copies``, ``shuffle``, ``reverse``, ``delay``."""
		for name, value in values.items():
			if name not in _SENDING:
				raise ControlError(400, f"unknown setting {name}")
			setattr(self.quanto.sender, name, value)
		return {name: getattr(self.quanto.sender, name) for name in _SENDING}

	def pause(self, values: Values) -> Values:
		"""Hold all webhooks back, or let them go: ``paused``."""
		for hook in self.core.store.table(Hook).values():
			hook.paused = bool(values.get("paused", True))
			self.core.store.put(hook)
		self.quanto.sender.wake()
		return {"paused": bool(values.get("paused", True))}

	def deliveries(self, values: Values) -> Values:
		"""Show deliveries (``type``, ``status``, ``since``)."""
		since, kind, status = int(values.get("since", 0)), values.get("type"), values.get("status")
		found = [
			asdict(delivery)
			for delivery in self.quanto.sender.deliveries().values()
			if delivery.id > since and kind in (None, delivery.type) and status in (None, delivery.status)
		]
		return {
			"deliveries": found[-int(values.get("limit", 1000)) :],
			"pending": self.quanto.sender.pending(),
		}

	def resend(self, values: Values, delivery_id: int) -> Values:
		"""Send a delivery's event again, signed anew."""
		sender = self.quanto.sender
		found = sender.deliveries().get(delivery_id)
		hook = sender.targets().get(found.target) if found else None
		if found is None or hook is None:
			raise ControlError(404, "unknown delivery")
		return asdict(sender.enqueue(hook, found.type, found.body))

	def send(self, values: Values) -> Values:
		"""Send any event: ``event`` and ``content``; ``signature``, ``shift`` seconds, ``delay`` seconds forge it."""
		made = self.quanto.events.raw(values["event"], values.get("content", {}), values.get("tenant"))
		for number in made:
			delivery = self.quanto.sender.deliveries()[number]
			if isinstance(delivery, HookDelivery):
				delivery.timestamp_shift = float(values.get("shift", 0))
			delivery.due += int(float(values.get("delay", 0)) * 1000)
			delivery.signature = {
				None: None,
				"valid": None,
				"missing": "",
				"wrong_secret": sign("not the secret", "0", delivery.body.encode()),
			}.get(values.get("signature"), values.get("signature"))
		return {"deliveries": made}

	def drain(self, values: Values) -> Values:
		"""Let Quanto read the banks, and wait until no delivery is due (``timeout``)."""
		with self.core.lock:
			self.quanto.before()
			self.quanto.poll()
			self.core.store.flush()
		return self.quanto.sender.drained(float(values.get("timeout", 10)))

	def routes(self) -> list[ControlRoute]:
		"""Return the calls."""
		pairs: list[tuple[str, str, Callable[..., Values]]] = [
			("GET", "", self.info),
			("GET", "/switches", self.get_switches),
			("PATCH", "/switches", self.set_switches),
			("POST", "/onboarding", self.onboarding),
			("POST", "/issue", self.issue),
			("GET", "/tenants", self.tenants),
			("POST", "/tenants/<tenant_id>/keys", self.new_key),
			("DELETE", "/keys/<key_id>", self.revoke_key),
			("GET", "/sessions", self.sessions),
			("POST", "/sessions/<session_id>/expire", self.expire_session),
			("POST", "/sessions/<session_id>/share", self.share),
			("POST", "/sessions/<session_id>/finish", self.finish),
			("GET", "/consents", self.list_consents),
			("GET", "/consents/<consent_id>", self.show_consent),
			("POST", "/consents/<consent_id>/approve", self.approve),
			("POST", "/consents/<consent_id>/refuse", self.refuse),
			("POST", "/consents/<consent_id>/revoke", self.revoke),
			("POST", "/consents/<consent_id>/reject", self.reject),
			("POST", "/consents/<consent_id>/expire", self.expire),
			("POST", "/consents/<consent_id>/decide", self.decide),
			("POST", "/poll", self.poll),
			("POST", "/fail", self.fail),
			("GET", "/requests", self.requests),
			("POST", "/webhooks/settings", self.sending),
			("POST", "/webhooks/pause", self.pause),
			("GET", "/webhooks/deliveries", self.deliveries),
			("POST", "/webhooks/deliveries/<int:delivery_id>/resend", self.resend),
			("POST", "/webhooks/send", self.send),
		]
		routes = [ControlRoute(method, f"/quanto{path}", handler) for method, path, handler in pairs]
		drain = ControlRoute("POST", "/quanto/webhooks/drain", self.drain, locked=False)
		return [*routes, drain, *self.data.routes()]


def _tenant(tenant: Tenant) -> Values:
	return asdict(tenant)
