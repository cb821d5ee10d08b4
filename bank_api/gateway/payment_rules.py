"""What holds for a customer's payments today: the bank's day, the accounts of the consent, the operator's limits.

The operator's limits are lines of the provider's further settings: `payments.cut_offs = no`, `payments.collections = yes`,
`payments.bank_code = 0100`, `payments.largest.CZK = 500000`, `payments.largest_total.CZK = 2000000`.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

import frappe
from frappe import _

from bank_api.gateway import providers
from bank_api.gateway.clock import utc_now
from bank_api.gateway.errors import NotConfigured
from bank_api.payments.bank_days import CutOffs, Moment
from bank_api.payments.validation import OwnAccount, Rules

PREFIX = "payments."
DEFAULT_BANK = "0100"
_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,2})?", re.ASCII)


def rules(provider: str, item: str) -> Rules:
	"""The rules for batches that are sent under an item's consent.

	Args:
		provider: name of the Bank API Provider.
		item: name of the Bank API Item.

	Raises:
		NotConfigured: a setting makes no sense.
	"""
	settings = providers.config_of(provider).settings
	return Rules(
		moment=Moment.of(utc_now()),
		bank_code=settings.get(f"{PREFIX}bank_code", DEFAULT_BANK),
		own_accounts=_own_accounts(item),
		cut_offs=CutOffs() if _yes(settings, "cut_offs", default=True) else None,
		largest=_limits(settings, "largest"),
		largest_total=_limits(settings, "largest_total"),
		collections=_yes(settings, "collections", default=False),
	)


def bank_code(provider: str) -> str:
	"""Where the own accounts have to be."""
	return providers.config_of(provider).settings.get(f"{PREFIX}bank_code", DEFAULT_BANK)


def collections(provider: str) -> bool:
	"""Whether the operator lets money be taken from others' accounts."""
	return _yes(providers.config_of(provider).settings, "collections", default=False)


def _own_accounts(item: str) -> dict[str, OwnAccount] | None:
	"""The accounts that the consent reaches; None if it tells of none, for then the bank alone can judge."""
	rows = frappe.get_all(
		"Bank API Account",
		{"item": item, "iban": ("is", "set")},
		["iban", "currency", "status"],
		order_by=None,
	)
	found = {
		"".join(row.iban.split()).upper(): OwnAccount(
			currency=row.currency or "", blocked="" if row.status == "Open" else _blocked(row.status)
		)
		for row in rows
	}
	return found or None


def _blocked(status: str) -> str:
	return _("it is closed") if status == "Closed" else _("it is no longer shared")


def _yes(settings: Mapping[str, str], name: str, default: bool) -> bool:
	text = settings.get(PREFIX + name, "").strip().lower()
	if text in ("", "yes", "no"):
		return default if not text else text == "yes"
	raise _bad(name)


def _limits(settings: Mapping[str, str], name: str) -> dict[str, Decimal]:
	start = f"{PREFIX}{name}."
	found: dict[str, Decimal] = {}
	for key, text in settings.items():
		if key.startswith(start):
			if not _AMOUNT.fullmatch(text.strip()):
				raise _bad(key.removeprefix(PREFIX))
			found[key.removeprefix(start)] = Decimal(text.strip())
	return found


def _bad(name: str) -> NotConfigured:
	return NotConfigured(_("The provider's setting {0} cannot be read.").format(PREFIX + name))
