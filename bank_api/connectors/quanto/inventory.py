"""The accounts, cards and contracts that a consent reaches, sparing with the monthly reads (4).

The list of resources is exempt from the limits, so it says each time what there is. Descriptions, of which a month allows
eight reads, are read for what is new, and now and then for the rest; how a thing stands is read each time.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from bank_api.connectors import verbatim
from bank_api.connectors.errors import (
	OBJECT,
	ConsentRequired,
	InvalidRequest,
	MalformedResponse,
	NotFound,
	ProviderError,
	ProviderUnavailable,
	RateLimited,
	Unsupported,
)
from bank_api.connectors.model import AccountData, Token
from bank_api.connectors.quanto import ofb_accounts, ofb_paths, ofb_resources, paging
from bank_api.connectors.quanto.ofb_accounts import KINDS, Kind
from bank_api.connectors.quanto.ofb_resources import ResourceState, State
from bank_api.connectors.quanto.refusals import About
from bank_api.connectors.quanto.scope import Scope
from bank_api.connectors.verbatim import Resource

# Refusals that concern one part of one account; the rest of it, and the other accounts, are read all the same.
_NOT_FOR_US = (NotFound, Unsupported, InvalidRequest)
_FAILING = (ProviderUnavailable, MalformedResponse)


class Inventory:
	"""One reading of all that a consent reaches; `accounts` once.

	Args:
		scope: reads within the consent.
		token: of the consent.
		known: ids of which the gateway has a description already.
	"""

	def __init__(self, scope: Scope, token: Token, known: Collection[str]):
		self._scope = scope
		self._client = scope.client
		self._reads = scope.client.reads
		self._token = token
		self._known = frozenset(known)
		self._parts_read = 0
		self._failure: ProviderError | None = None

	def accounts(self) -> list[AccountData]:
		"""See `Connector.accounts`.

		Raises:
			ProviderError: a list cannot be read, or nothing of how the accounts stand can.
		"""
		listed = ofb_resources.listed(self._client, self._token.consent_id)
		found: dict[str, AccountData] = {}
		for kind in KINDS.values():
			states = {one.resource_id: one for one in listed if one.kind == kind.resource and one.resource_id}
			if not states or not self._scope.may(self._token, f"{kind.permission}_READ"):
				continue
			for one in self._of_kind(kind, states):
				if one.provider_account_id in found:
					raise MalformedResponse("The provider gave the same id to two accounts.")
				found[one.provider_account_id] = one
				self._scope.kinds.put((self._token.consent_id, one.provider_account_id), kind.resource)
		if self._failure is not None and not self._parts_read:
			raise self._failure
		return list(found.values())

	def _of_kind(self, kind: Kind, states: dict[str, ResourceState]) -> list[AccountData]:
		available = {name for name, one in states.items() if one.state is State.AVAILABLE}
		described = self._descriptions(kind, available) if available else {}
		found = [self._whole(kind, name, payload) for name, payload in described.items()]
		for name, one in states.items():
			if name in described or name not in self._known or one.state is State.UNAVAILABLE:
				continue
			if one.state is State.AVAILABLE:
				found.append(self._whole(kind, name, ""))
			else:
				# Lists leave out what is blocked or waits for other signers (4.2); it is not gone.
				left_out = self._described(kind, name, "{}")
				found.append(replace(left_out, shared=one.state is State.BLOCKED))
		return found

	def _descriptions(self, kind: Kind, available: set[str]) -> dict[str, str]:
		"""The list's objects by id, if something is new or the list is due; else nothing."""
		limit = f"{kind.limit}/list"
		with self._reads.when_due(limit, self._token.consent_id, "") as due:
			if not due and available <= self._known:
				return {}
			try:
				rows = self._list(kind, limit)
			except RateLimited as error:
				if error.scope != OBJECT or not available & self._known:
					raise
				return {}
		found = {ofb_accounts.object_id(kind, row): payload for row, payload in rows}
		if len(found) != len(rows):
			raise MalformedResponse("The provider gave the same id to two accounts.")
		return found

	def _list(self, kind: Kind, limit: str) -> list[Resource]:
		path = ofb_paths.template(self._client.names, ofb_paths.ENDPOINTS[kind.list_path])
		with self._reads.counted(limit, self._token.consent_id, ""):
			return paging.whole_list(self._client, path, About.DATA, {"consent": self._token.consent_id})

	def _whole(self, kind: Kind, name: str, listed: str) -> AccountData:
		"""One object: what the list says, what only its own page says, and how it stands, each as received."""
		more: dict[str, str] = {}
		if listed:
			more |= self._detail(kind, name)
		more |= self._standing(kind, name)
		return self._described(kind, name, ofb_accounts.joined(listed or "{}", more))

	def _described(self, kind: Kind, name: str, payload: str) -> AccountData:
		return ofb_accounts.describe(
			kind,
			self._token.consent_id,
			name,
			payload,
			# Of what is known, some part may not have been asked for this time: it stays as it is.
			partial=name in self._known,
			is_pro=self._scope.is_company(self._token),
		)

	def _detail(self, kind: Kind, name: str) -> dict[str, str]:
		with self._reads.when_due(f"{kind.limit}/detail", self._token.consent_id, name) as due:
			if not due and name in self._known:
				return {}
			text = self._part(lambda: self._scope.data(self._token, kind, name, "", "detail"))
		return verbatim.members(text) if text else {}

	def _standing(self, kind: Kind, name: str) -> dict[str, str]:
		tail, member, permission = kind.standing
		if not self._scope.may(self._token, permission):
			return {}
		if kind.is_contract:
			new = name not in self._known
			text = self._part(lambda: self._scope.payments(self._token, kind, name, always=new))
			return {member: ofb_accounts.without_releases(text)} if text else {}
		text = self._part(lambda: self._scope.data(self._token, kind, name, tail, tail))
		return {member: text} if text else {}

	def _part(self, read: Callable[[], str | None]) -> str | None:
		"""One part of one account, or None where it cannot be had: that never loses the account, nor the others.

		Raises:
			ProviderError: nothing else could be read either: the consent has ended, or all calls are refused.
		"""
		try:
			text = read()
		except RateLimited as error:
			if error.scope != OBJECT:
				raise
			return None
		except ConsentRequired as error:
			if error.status == 401:
				raise
			return None
		except _NOT_FOR_US:
			return None
		except _FAILING as error:
			self._failure = self._failure or (None if error.status == 403 else error)
			return None
		self._parts_read += 1
		return text
