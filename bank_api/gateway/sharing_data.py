"""What of an end user's data is shared, in words."""

from bank_api.gateway import ways
from bank_api.gateway.page_words import say as _
from bank_api.gateway.sharing import Sharing, masked


def in_words(found: Sharing, way: ways.Way | None, language: str) -> list[str]:
	"""What may be read.

	Args:
		found: the sharing.
		way: of its provider; None if that is not set up.
		language: of the words.
	"""
	if found.permissions:
		labels = way.labels(found) if way else ()
		return [_(label, language) for label in labels] or list(found.permissions)
	words = _("Accounts, balances and transactions", language)
	if not found.references:
		return [words]
	return [f"{words}: " + ", ".join(masked(number) for number in found.references)]
