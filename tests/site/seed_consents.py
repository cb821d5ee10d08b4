"""Writes a consent with a loan for each of several clients; run with the bench's python: `SITE FILE CLIENT…`.

Nobody is called: the providers it makes have no certificates, and the tests that use them never get past the gateway.
"""

import json
import sys
import uuid
from pathlib import Path

import frappe


def seed(site: str) -> dict[str, str]:
	"""One client's provider, end user, consent, item and loan; their identifiers."""
	from bank_api.gateway.clock import site_now
	from bank_api.gateway.ids import row_name

	mark = uuid.uuid4().hex[:12]
	consent, user = str(uuid.uuid4()), f"debtor-{mark}@{site}"
	owner = owner_of(site, mark, user, f"Migdal {mark}", connector="berlin_group")
	provider = owner["provider"]
	item = insert(
		"Bank API Item",
		**owner,
		item_id=consent,
		status="OK",
		bank_id="520004896",
		last_success_at=site_now(),
	)
	row = insert(
		"Bank API Consent",
		**owner,
		item=item,
		provider_consent_id=consent,
		state="Active",
		company="520004896",
		payload=json.dumps({"consentId": consent}),
	)
	request = insert(
		"Bank API Connect Request",
		**owner,
		item=item,
		consent=row,
		status="Completed",
		state_hash=row_name(),
		kind="Connect",
	)
	loan = f"loan-{mark}"
	stable = insert(
		"Bank API Account",
		**owner,
		item=item,
		provider_account_id=loan,
		account_name="Loan",
		account_type="loan",
		currency="ILS",
		status="Open",
		last_synced_at=site_now(),
		payload=json.dumps({"resourceId": loan, "balances": []}),
	)
	frappe.db.commit()
	return {
		"consent": consent,
		"item_id": consent,
		"account_id": loan,
		"stable_id": stable,
		"request": request,
		"user": user,
		"site": site,
		"provider": provider,
		"cursor": cursor(site, provider),
		"row": row,
	}


def owner_of(site: str, mark: str, user: str, name: str, **values: object) -> dict[str, str]:
	"""A provider that leads nowhere and an end user of it; the columns by which rows belong to them."""
	base = f"https://{values['connector']}.invalid".replace("_", "-")
	provider = insert("Bank API Provider", provider_name=name, api_base_url=base, **values)
	client = frappe.get_doc("Bank API Client", site)
	client.append("allowed_providers", {"provider": provider})
	client.save()
	owner = {"client": site, "provider": provider}
	ids = {"provider_user_id": mark, "external_user_id": mark}
	return owner | {"end_user": insert("Bank API End User", **owner, user=user, **ids)}


def cursor(site: str, provider: str) -> str:
	"""A cursor over the client's data, as the API gives it."""
	from bank_api.gateway import clients, reading

	answer = reading.transactions(clients.context_of(site), provider=provider, connector="berlin_group")
	return json.loads(answer.get_data())["message"]["cursor"]


def insert(doctype: str, **values: object) -> str:
	return frappe.get_doc({"doctype": doctype, **values}).insert(ignore_permissions=True).name


if __name__ == "__main__":
	frappe.init(sys.argv[1], sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")
	Path(sys.argv[2]).write_text(json.dumps([seed(site) for site in sys.argv[3:]]))
	frappe.destroy()
