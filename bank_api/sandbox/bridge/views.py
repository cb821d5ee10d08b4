"""Writes records as JSON text, in each version's shape.

v2 shows nulls, v3 leaves them out (bridge.md 0). Amounts are written as the exact text they are kept in: no float
stands between the data and the wire.
"""

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from bank_api.sandbox.bridge.banks import Bank
from bank_api.sandbox.bridge.categories import CATEGORIES, CHILDREN, Category
from bank_api.sandbox.bridge.model import DESCRIPTIONS, Account, Item, Stock, Transaction, User
from bank_api.sandbox.bridge.switches import Switches
from bank_api.sandbox.clock import iso_ms
from bank_api.sandbox.http import ExactNumber

quote = encode_basestring


class Number(str):
	"""Exact number text, written without quotes."""

	__slots__ = ()


def dumps(value: Any, ascii_only: bool = False) -> str:
	"""Write JSON; ``Number`` texts become numbers as they stand.

	Args:
		value: dict, list, text, bool, int, None or Number.
		ascii_only: Escape everything beyond ASCII.

	Returns:
		Compact JSON text.
	"""
	if isinstance(value, Number):
		return str(value)
	if isinstance(value, str):
		return encode_basestring_ascii(value) if ascii_only else quote(value)
	if isinstance(value, dict):
		return (
			"{"
			+ ",".join(f"{dumps(str(k), ascii_only)}:{dumps(v, ascii_only)}" for k, v in value.items())
			+ "}"
		)
	if isinstance(value, (list, tuple)):
		return "[" + ",".join(dumps(entry, ascii_only) for entry in value) + "]"
	if isinstance(value, ExactNumber):
		return value.text
	return json.dumps(value)


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
	"""Drop the keys that hold null (v3)."""
	return {key: entry for key, entry in value.items() if entry is not None}


def instant(ms: int | None) -> str | None:
	"""Write an instant, or nothing."""
	return None if ms is None else iso_ms(ms)


def info_of(item: Item, version: int, switches: Switches) -> str | None:
	"""Return an item's status_code_info: upper case in v2, lower in v3 (bridge.md 0)."""
	if version == 3:
		return item.status_code_info.lower() if item.status_code_info is not None else None
	if item.status_code_info == "ok":
		return switches.v2_info_ok
	return item.status_code_info.upper() if item.status_code_info else item.status_code_info


def description_of(item: Item, language: str) -> str:
	"""Return an item's wording for the end user."""
	return item.description or DESCRIPTIONS[language].get(item.status, str(item.status))


def user(record: User, version: int) -> dict[str, Any]:
	"""Write a user."""
	shown: dict[str, Any] = {"uuid": record.uuid}
	if version == 2 and record.email is not None:
		shown["email"] = record.email
	else:
		shown["external_user_id"] = record.external_user_id
	return without_nulls(shown) if version == 3 else shown


def item(record: Item, version: int, switches: Switches, language: str) -> dict[str, Any]:
	"""Write an item (bridge.md 3.2)."""
	shown: dict[str, Any] = {
		"id": record.id,
		"bank_id" if version == 2 else "provider_id": record.provider_id,
		"status": record.status,
		"status_code_info": info_of(record, version, switches),
		"status_code_description": description_of(record, language),
	}
	if version == 2:
		shown["authentication_expires_at"] = instant(record.authentication_expires)
		return shown
	shown |= {
		"account_types": record.account_types,
		"created_at": instant(record.created),
		"last_try_refresh": instant(record.last_try),
		"last_successful_refresh": instant(record.last_success),
		"authentication_expires_at": instant(record.authentication_expires),
	}
	return without_nulls(shown)


def _figures(record: dict[str, Any] | None) -> dict[str, Any] | None:
	"""Make the amounts of loan and savings details numbers again."""
	if record is None:
		return None
	amounts = ("capital", "amount", "rate", "ceiling")
	return {k: Number(v) if k.endswith(amounts) and v is not None else v for k, v in record.items()}


def account(
	record: Account, owner: Item, balances: tuple[str, str], version: int, switches: Switches, language: str
) -> dict[str, Any]:
	"""Write an account (bridge.md 4).

	Args:
		record: The account.
		owner: Its item.
		balances: Booked balance, and balance with the future lines; exact text.
		version: 2 or 3.
		switches: The switches.
		language: Of the status description.

	Returns:
		The resource.
	"""
	locked = owner.status == 1100  # business data is obfuscated until validated (bridge.md 3.3)
	booked = record.balance_override or balances[0]
	shown: dict[str, Any] = {
		"id": record.id,
		"name": "*****" if locked else record.name,
		"balance": Number("0" if locked else booked),
	}
	if version == 2:
		shown |= {
			"status": owner.status,
			"status_code_info": info_of(owner, 2, switches),
			"status_code_description": description_of(owner, language),
		}
	else:
		simple = record.type in ("checking", "card", "savings")
		shown |= {
			"accounting_balance": Number(booked) if simple and not locked else None,
			"instant_balance": Number(balances[1]) if record.type == "checking" and not locked else None,
			"data_access": record.data_access,
			"last_refresh_status": record.last_refresh_status,
		}
	shown |= {
		"updated_at": instant(record.updated),
		"type": record.type,
		"currency_code": record.currency,
		"item_id": record.item_id,
		"bank_id" if version == 2 else "provider_id": record.provider_id,
		"loan_details": _figures(record.loan),
	}
	if version == 2:
		shown |= {"savings_details": _figures(record.savings), "is_pro": record.pro}
		shown |= {"iban": None if locked else record.iban, "is_paused": record.paused}
	else:
		shown |= {"pro": record.pro, "iban": None if locked else record.iban}
	shown |= record.extra or {}
	return without_nulls(shown) if version == 3 else shown


def transaction2(row: Transaction) -> str:
	"""Write a transaction for v2: every field, nulls included."""
	if row.text2 is None:
		shown = "false" if row.operation_type == "deferred_debit_card" else "true"
		row.text2 = _extra(
			row,
			f'{{"id":{_id(row.id)},"clean_description":{quote(row.clean)},"bank_description":{quote(row.description)},'
			f'"amount":{row.amount},"date":{_day(row.date)},"booking_date":{_day(row.booking_date)},'
			f'"transaction_date":{_day(row.transaction_date)},"value_date":{_day(row.value_date)},'
			f'"updated_at":"{iso_ms(row.updated)}","currency_code":"{row.currency}",'
			f'"is_deleted":{_flag(row.deleted)},"category_id":{row.category_id},"account_id":{row.account_id},'
			f'"is_future":{_flag(row.future)},"show_client_side":{shown}}}',
		)
	return row.text2


def transaction3(row: Transaction) -> str:
	"""Write a transaction for v3: nulls left out."""
	if row.text3 is None:
		identifier = f'"id":{_id(row.id)},' if row.id is not None else ""
		dates = ""
		if row.booking_date is not None:
			dates += f'"booking_date":"{row.booking_date}",'
		if row.transaction_date is not None:
			dates += f'"transaction_date":"{row.transaction_date}",'
		if row.value_date is not None:
			dates += f'"value_date":"{row.value_date}",'
		row.text3 = _extra(
			row,
			f'{{{identifier}"clean_description":{quote(row.clean)},"provider_description":{quote(row.description)},'
			f'"amount":{row.amount},"date":{_day(row.date)},{dates}'
			f'"updated_at":"{iso_ms(row.updated)}","currency_code":"{row.currency}",'
			f'"deleted":{_flag(row.deleted)},"category_id":{row.category_id},"account_id":{row.account_id},'
			f'"future":{_flag(row.future)},"operation_type":"{row.operation_type}"}}',
		)
	return row.text3


def _id(value: Any) -> str:
	return str(value) if type(value) is int else json.dumps(value)


def _day(value: str | None) -> str:
	return "null" if value is None else f'"{value}"'


def _flag(value: bool) -> str:
	return "true" if value else "false"


def _extra(row: Transaction, text: str) -> str:
	"""Lay raw fields of a test over a row; a null removes the field."""
	if not row.extra:
		return text
	shown = json.loads(text, parse_float=Number, parse_int=Number)
	for name, value in row.extra.items():
		shown.pop(name, None)
		if value is not None:
			shown[name] = value
	return dumps(shown)


def stock(record: Stock, version: int) -> dict[str, Any]:
	"""Write a line of a securities account (bridge.md 5.5)."""
	return {
		"id": record.id,
		"account_id": record.account_id,
		"label": record.label,
		"isin": record.isin,
		"ticker": record.ticker,
		"stock_key": f"{record.isin}:{record.marketplace}",
		"marketplace": record.marketplace,
		"quantity": Number(record.quantity),
		"current_price": Number(record.current_price),
		"average_purchase_price": Number(record.average_purchase_price),
		"total_value": Number(record.total_value),
		"value_date": record.value_date,
		"currency_code": record.currency,
		"created_at": instant(record.created),
		"updated_at": instant(record.updated),
		"is_deleted" if version == 2 else "deleted": record.deleted,
	}


def bank2(bank: Bank, base: str) -> dict[str, Any]:
	"""Write a bank for v2 (bridge.md 6.1)."""
	return {
		"id": bank.id,
		"name": bank.name,
		"country_code": bank.country,
		"logo_url": f"{base}/_static/banks/{bank.id}.svg",
		"authentication_type": bank.authentication,
		"form": [
			{"label": "Identifiant", "type": "USER", "isNum": "0", "maxLength": None, "minLength": None},
			{"label": "Mot de passe", "type": "PWD", "isNum": "0", "maxLength": None, "minLength": None},
		],
		"is_highlighted": bank.highlighted,
		"capabilities": ["ais", "account_check", "single_payment", "single_transfer"],
		"channel_type": ["dsp2", "direct_access"] if bank.authentication == "INTERNAL_CREDS" else ["dsp2"],
		"url": None,
		"primary_color": bank.colour,
		"secondary_color": None,
		"parent_name": bank.group,
		"transfer": {"nb_max_transactions": 1, "max_size_label": 140, "multiple_dates_transfers": False},
		"payment": {"nb_max_transactions": 1, "max_size_label": 140, "sender_iban_available": True},
		"display_order": bank.id,
		"authentication_page_url": None,
		"automatic_refresh": bank.automatic_refresh,
	}


def provider3(bank: Bank, base: str) -> dict[str, Any]:
	"""Write a provider for v3 (bridge.md 6.2; inner shapes of health_status and release_status are guesses)."""
	return without_nulls(
		{
			"id": bank.id,
			"name": bank.name,
			"country_code": bank.country,
			"group_name": bank.group,
			"images": {"logo": f"{base}/_static/banks/{bank.id}.svg"},
			"capabilities": ["aggregation", "account_check", "single_payment", "single_transfer"],
			"aggregation_metadata": {"release_status": "general_availability"},
			"payment_metadata": {
				"release_status": "general_availability",
				"execution_status_available": True,
				"max_size_label": 140,
				"nb_max_transactions": 1,
				"sender_iban_available": True,
				"provider_environments": ["sandbox"],
			},
			"health_status": {"aggregation": {"status": "healthy"}, "single_payment": {"status": "healthy"}},
			"tags": {
				"keywords": list(bank.keywords),
				"region": list(bank.region),
				"segment": list(bank.segment),
			},
		}
	)


def category_tree(parent_id: int, language: str) -> dict[str, Any]:
	"""Write a parent category with its children (bridge.md 6.4)."""
	return {
		"id": parent_id,
		"name": CATEGORIES[parent_id].name(language),
		"categories": [
			{"id": child, "name": CATEGORIES[child].name(language)} for child in CHILDREN[parent_id]
		],
	}


def category(record: Category, language: str, version: int) -> dict[str, Any]:
	"""Write one category."""
	shown = {"id": record.id, "name": record.name(language), "parent_id": record.parent}
	return without_nulls(shown) if version == 3 else shown
