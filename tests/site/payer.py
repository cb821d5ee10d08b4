"""A company at the fake bank: a client with a consent that reaches one account, and payments that it makes."""

import uuid
from datetime import date, datetime, timedelta, timezone
from typing import Any

OWN = "CZ0401000000191000000005"
PARTNER = "CZ9501000000001234567899"
BATCH = "Bank API Payment Batch"
PAYMENT = "Bank API Payment"


def company(world: Any, account: str = OWN) -> Any:
	"""A client that is signed in, with an active consent; returns its context."""
	from bank_api.connectors.model import Secret
	from bank_api.gateway import consent_rows
	from bank_api.gateway.clock import site_now

	context = world.client()
	frappe = world.frappe
	frappe.db.set_value("Bank API Client", context.name, "webhook_url", f"https://{context.site}/hook")
	owner = {"client": context.name, "provider": world.provider}
	mark = uuid.uuid4().hex[:12]
	owner["end_user"] = _insert(
		frappe, "Bank API End User", **owner, user="boss", provider_user_id=mark, external_user_id=mark
	)
	consent_id = f"kb-{mark}"
	item = _insert(frappe, "Bank API Item", **owner, item_id=consent_id, status="OK", bank_id="KB")
	consent = _insert(
		frappe,
		"Bank API Consent",
		**owner,
		item=item,
		provider_consent_id=consent_id,
		state="Active",
		token_issued_at=site_now(),
		token_expires_at=site_now() + timedelta(hours=1),
	)
	consent_rows.keep_secret(consent, "access_token", Secret("first"))
	consent_rows.keep_secret(consent, "refresh_token", Secret("refresh"))
	if account:
		_insert(
			frappe,
			"Bank API Account",
			**owner,
			item=item,
			provider_account_id=mark,
			iban=account,
			currency="CZK",
			status="Open",
		)
	frappe.db.commit()
	return world.sign_in(context)


def _insert(frappe: Any, doctype: str, **values: Any) -> str:
	return frappe.get_doc({"doctype": doctype, **values}).insert(ignore_permissions=True).name


def bank_day(after: int = 0) -> str:
	"""A day on which the bank works, some days from today."""
	from bank_api.payments.bank_days import BankDays

	return BankDays().next(datetime.now(timezone.utc).date() + timedelta(days=after + 1)).isoformat()


def payment(amount: str = "1234.56", **values: Any) -> dict[str, Any]:
	return {"partner_account": PARTNER, "amount": amount, "variable_symbol": "20260042"} | values


def submit(key: str = "", **values: Any) -> dict[str, Any]:
	"""Submit as the client that is signed in; one payment unless told otherwise."""
	from bank_api import kb

	arguments = {"payments": [payment()], "account": OWN, "execution_date": bank_day(), "name": "Wages"}
	arguments["allow_repeated"] = 1  # most tests pay the same over and over
	return kb.submit_payment_batch(idempotency_key=key or uuid.uuid4().hex, **(arguments | values))


def status(batch: str, **values: Any) -> dict[str, Any]:
	from bank_api import kb

	return kb.get_payment_batch_status(batch=batch, **values)


def parts(world: Any, batch: str) -> list[Any]:
	"""What is sent of a batch."""
	from bank_api.gateway import payment_rows, payment_states

	world.frappe.db.commit()
	return [payment_states.get(name) for name in payment_rows.parts_of(batch)]


def hurry(world: Any) -> None:
	"""Let everything that waits be due, and the scheduler take its turn."""
	from bank_api.gateway import payment_duties
	from bank_api.gateway.clock import site_now

	past = site_now() - timedelta(seconds=1)
	world.frappe.db.sql(
		f"update `tab{BATCH}` set next_try_at = %s where next_try_at is not null and provider = %s",
		(past, world.provider),
	)
	world.frappe.db.sql(
		f"update `tab{BATCH}` set next_check_at = %s where next_check_at is not null and provider = %s",
		(past, world.provider),
	)
	world.frappe.db.commit()
	payment_duties.tick()
	world.frappe.db.commit()


def today() -> date:
	return datetime.now(timezone.utc).date()
