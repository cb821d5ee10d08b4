"""What Bridge's item status codes mean for the end user (bridge.md, 3.3)."""

from typing import NamedTuple

from bank_api.connectors.model import ItemStatus, UserAction


class Standing(NamedTuple):
	"""How an item stands, and what its end user has to do."""

	status: ItemStatus
	user_action: UserAction


STANDINGS: dict[int, Standing] = {
	0: Standing(ItemStatus.OK, UserAction.NONE),
	# The first refresh, or the first after a change of credentials, is under way.
	-2: Standing(ItemStatus.WAITING, UserAction.WAIT),
	-3: Standing(ItemStatus.WAITING, UserAction.WAIT),
	402: Standing(ItemStatus.ACTION_REQUIRED, UserAction.EDIT_CREDENTIALS),
	# New terms to accept, a first log-in to make, a password to change: on the bank's own site.
	429: Standing(ItemStatus.ACTION_REQUIRED, UserAction.VISIT_BANK),
	430: Standing(ItemStatus.ACTION_REQUIRED, UserAction.VISIT_BANK),
	1003: Standing(ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
	1005: Standing(ItemStatus.UNSUPPORTED, UserAction.DELETE),
	1007: Standing(ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
	# The balance moved without transactions (life insurance, securities): the data is usable.
	1009: Standing(ItemStatus.OK, UserAction.NONE),
	1010: Standing(ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE),
	1099: Standing(ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
	# Business accounts whose data Bridge obfuscates until they are validated.
	1100: Standing(ItemStatus.ACTION_REQUIRED, UserAction.CONFIRM_PRO),
}

# "Any status other than 0: create a connect session with that item" (bridge.md, 3.3); negative codes are
# under way.
_UNKNOWN = Standing(ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE)
_UNKNOWN_UNDER_WAY = Standing(ItemStatus.WAITING, UserAction.WAIT)


def standing(code: int, has_pro_confirmation: bool) -> Standing:
	"""How an item with this status code stands.

	Args:
		code: Bridge's status code; one that this connector has never heard of is met by Bridge's general
			advice.
		has_pro_confirmation: whether the API version has a page to validate business accounts. Where it has
			none, a connect session is the way.
	"""
	known = STANDINGS.get(code)
	if known is None:
		return _UNKNOWN_UNDER_WAY if code < 0 else _UNKNOWN
	if known.user_action is UserAction.CONFIRM_PRO and not has_pro_confirmation:
		return Standing(known.status, UserAction.AUTHENTICATE)
	return known
