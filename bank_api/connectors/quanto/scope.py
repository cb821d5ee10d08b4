"""What is known of a consent while its data is read, and the reads that several modules make."""

from bank_api.connectors import verbatim
from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import Token
from bank_api.connectors.quanto import consents, ofb_paths
from bank_api.connectors.quanto.client import QuantoClient
from bank_api.connectors.quanto.memory import Memory
from bank_api.connectors.quanto.ofb_accounts import Kind
from bank_api.connectors.quanto.refusals import About

_PERMISSIONS_SECONDS = 600
_PAYMENTS_SECONDS = 600
_PAYMENTS_KEPT = 500


class Scope:
	"""Reads within consents, and remembers what may be remembered. Thread-safe."""

	def __init__(self, client: QuantoClient):
		self.client = client
		self.kinds: Memory[str] = Memory(None)
		self._permissions: Memory[frozenset[str]] = Memory(_PERMISSIONS_SECONDS)
		self._payments: Memory[str] = Memory(_PAYMENTS_SECONDS, _PAYMENTS_KEPT)

	def may(self, token: Token, permission: str) -> bool:
		"""Whether the consent contains a permission; one that names none is tried."""
		granted = self._granted(token)
		return not granted or permission in granted

	def is_company(self, token: Token) -> bool:
		"""Whether the consent is about a company, as far as its permissions tell."""
		return any(permission.startswith("CUSTOMERS_BUSINESS_") for permission in self._granted(token))

	def data(self, token: Token, kind: Kind, name: str, tail: str, limit: str) -> str:
		"""The `data` of one of an object's own pages, as received; none of them is a list in pages.

		Args:
			token: of the consent.
			kind: of the object.
			name: the object's id.
			tail: what follows it in the path; empty for its own detail.
			limit: rest of the key of the monthly limit.

		Raises:
			RateLimited: this kind of read of this object is used up for the month.
			ProviderError: the read failed.
		"""
		endpoint = ofb_paths.ENDPOINTS[kind.path(tail)]
		path = ofb_paths.template(self.client.names, endpoint)
		ids = {"consent": token.consent_id, kind.placeholder: name}
		with self.client.reads.counted(f"{kind.limit}/{limit}", token.consent_id, name):
			members = verbatim.members(self.client.call("GET", path, About.DATA, ids=ids).text())
			if members.get("data", "")[:1] not in ("{", "["):
				raise MalformedResponse("The provider's answer lacks its data.")
		return members["data"]

	def payments(self, token: Token, kind: Kind, contract: str, *, always: bool) -> str | None:
		"""A contract's payments, read once for its balance and its transactions; None if they are not due.

		Raises:
			ProviderError: see `data`.
		"""
		remembered = self._payments.get((token.consent_id, contract))
		if remembered is not None:
			return remembered
		with self.client.reads.when_due(f"{kind.limit}/payments", token.consent_id, contract) as due:
			if not due and not always:
				return None
			text = self.data(token, kind, contract, "payments", "payments")
		self._payments.put((token.consent_id, contract), text)
		return text

	def _granted(self, token: Token) -> frozenset[str]:
		known = self._permissions.get((token.consent_id, ""))
		if known is None:
			# Reads of consents are exempt from the limits (4.7).
			known = frozenset(consents.read_plain(self.client, token.consent_id).permissions)
			self._permissions.put((token.consent_id, ""), known)
		return known
