"""What a provider does not have whose consents are its connections: users, links of its own, resources of banks and categories."""

from typing import NoReturn

from bank_api.connectors.errors import Unsupported
from bank_api.connectors.model import Link, LinkRequest, Token


class ConsentsOnly:
	"""These parts of `Connector`; `_unsupported` says in words what to do instead."""

	def create_user(self, external_user_id: str) -> str:
		"""There are no users at the provider: the gateway's own id stands in."""
		return external_user_id

	def delete_user(self, provider_user_id: str) -> None:
		"""There is nothing to delete but the consents, one by one."""

	def new_token(self, external_user_id: str) -> Token:
		"""What may be read, an end user's consent says."""
		self._unsupported()

	def link(self, token: Token, request: LinkRequest) -> Link:
		"""Links come from a consent, or from a session."""
		self._unsupported()

	def bank(self, bank_id: str, language: str = "en") -> str:
		"""The provider publishes no resource of a bank."""
		self._unsupported()

	def category(self, category_id: str, language: str = "en") -> str:
		"""The provider has no categories."""
		self._unsupported()

	def categories(self, language: str = "en") -> str:
		"""The provider has no categories."""
		self._unsupported()

	def _unsupported(self) -> NoReturn:
		raise Unsupported(
			"The provider does not offer this: it works by consents. Create one for the end user."
		)
