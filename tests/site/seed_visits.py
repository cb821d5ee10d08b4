"""Writes a visit with its consent and an account for each of several clients; run with the bench's python: `SITE FILE CLIENT…`.

Nobody is called: the providers it makes lead nowhere, and the tests that use them never get past the gateway.
"""

import json
import sys
import uuid
from pathlib import Path

import frappe
from seed_consents import insert, owner_of


def seed(site: str) -> dict[str, str]:
	"""One client's provider, end user, visit, consent, item and account; their identifiers."""
	from bank_api.gateway import clients, reading, trip
	from bank_api.gateway.clock import site_now
	from bank_api.gateway.ids import row_name

	mark = uuid.uuid4().hex[:12]
	consent, user, session = f"urn:bank:{mark}", f"holder-{mark}@{site}", str(uuid.uuid4())
	owner = owner_of(site, mark, user, f"Quanto {mark}", connector="quanto", client_secret=f"key of {mark}")
	provider = owner["provider"]
	request = insert(
		"Bank API Connect Request",
		**owner,
		status="Completed",
		kind="Connect",
		state_hash=row_name(),
		session_hash=trip.state_hash(session),
		session_status="FINISHED",
	)
	item = insert(
		"Bank API Item",
		**owner,
		item_id=consent,
		status="OK",
		bank_id="bank",
		last_success_at=site_now(),
	)
	row = insert(
		"Bank API Consent",
		**owner,
		item=item,
		request=request,
		provider_consent_id=consent,
		state="Active",
		announced="Granted",
		bank_id="bank",
		payload=json.dumps({"data": {"consentId": consent}}),
	)
	account = f"account-{mark}"
	stable = insert(
		"Bank API Account",
		**owner,
		item=item,
		provider_account_id=account,
		account_name="Account",
		account_type="checking",
		currency="BRL",
		status="Open",
		last_synced_at=site_now(),
		payload=json.dumps({"accountId": account}),
	)
	resource = insert(
		"Bank API Resource",
		**owner,
		item=item,
		path=f"accounts/accounts/{account}/balances",
		fetched_at=site_now(),
		status="Complete",
		payload=json.dumps({"data": {"holder": mark}}),
	)
	frappe.db.commit()
	context = clients.context_of(site)
	answer = reading.transactions(context, provider=provider, connector="quanto")
	return {
		"consent": consent,
		"item_id": consent,
		"account_id": account,
		"stable_id": stable,
		"request": request,
		"session": session,
		"user": user,
		"site": site,
		"provider": provider,
		"cursor": json.loads(answer.get_data())["message"]["cursor"],
		"row": row,
		"resource": resource,
		"mark": mark,
	}


if __name__ == "__main__":
	frappe.init(sys.argv[1], sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")
	Path(sys.argv[2]).write_text(json.dumps([seed(site) for site in sys.argv[3:]]))
	frappe.destroy()
