"""The public API for Quanto (Open Finance Brasil): `/api/method/bank_api.quanto.<function>`.

Called with `Authorization: token <key>:<secret>`. The manner is the one of `bank_api.bridge`: GET and POST, `site` (older
name of the caller), `user` (the client's name of its end user), `item_id`, `provider` (name of a Bank API Provider, needed
only if a client uses several). One visit of an end user (`session`) may share data of several banks; each bank gives a consent,
and each consent is one item: its `item_id` is the consent's id.

Accounts, cards, contracts and transactions are answered from the copy here, each resource as received. What is read on demand
(`body` in the answer) is Open Finance Brasil's own answer, untouched, with its age in `as_of`: banks allow few reads a month, so a
copy serves while it is younger than `max_age` seconds (a day if missing) and while the bank takes no more calls (`stale`).

An identifier of another client is answered exactly as one that does not exist. Methods that change something commit
themselves, because Frappe rolls a GET back.
"""

import frappe
from werkzeug.wrappers import Response

from bank_api.connectors.errors import MalformedResponse
from bank_api.connectors.model import Identity, Presence, Secret
from bank_api.connectors.verbatim import parse_object
from bank_api.gateway import (
	arguments,
	bodies,
	consent_extension,
	consents,
	end_users,
	item_calls,
	items,
	providers,
	reading,
	session_data,
	sessions,
)
from bank_api.gateway.api import endpoint, verbatim

CONNECTOR = "quanto"
METHODS = ["GET", "POST"]
CARD, CONTRACT = ("card",), ("loan",)
ACCOUNT = ("checking", "savings")

# What is asked for where a call does not say: all of phase 2 (seed, 4), of a person or of a company (protocol 3.5).
REGISTRATION = {
	False: ("personal_identification", "personal_additional"),
	True: ("business_identification", "business_additional"),
}
DATA_GROUPS = (
	"account_balances",
	"account_limits",
	"account_transactions",
	"card_limits",
	"card_transactions",
	"card_bills",
	"credit_operations",
)

# Open Finance Brasil's APIs of credit by `productType` (protocol 4.6).
CREDIT_APIS = {
	"EMPRESTIMOS": "loans",
	"FINANCIAMENTOS": "financings",
	"FINANCIAMENTOS_RURAIS": "financings",
	"FINANCIAMENTOS_IMOBILIARIOS": "financings",
	"DIREITOS_CREDITORIOS_DESCONTADOS": "invoice-financings",
	"ADIANTAMENTO_A_DEPOSITANTES": "unarranged-accounts-overdraft",
}


# --- visits and consents


@frappe.whitelist(methods=METHODS)
@endpoint
def get_quanto_session_link(
	base_url: str | None = None,
	redirect_url: str | None = None,
	document: str | int | None = None,
	business_document: str | int | None = None,
	permissions: list | str | None = None,
	groups: list | str | None = None,
	purpose: str | None = None,
	expires_at: str | None = None,
	bank: str | int | None = None,
	item_id: str | int | None = None,
	site: str | None = None,
	user: str | int | None = None,
	webhook_url: str | None = None,
	provider: str | None = None,
	lang: str | None = None,
) -> dict:
	"""Begin a visit, and give the page on which the end user chooses banks and shares data.

	Args:
		base_url: address of the calling site; one of the client's registered origins.
		redirect_url: where the browser goes afterwards, absolute or relative to `base_url`; within the client's origins.
		document: the CPF of the person who is there; sent on, never stored. By POST only.
		business_document: the CNPJ of the company whose data it is, if it is a company's; likewise.
		permissions: what may be read, in Open Finance Brasil's words, whole groups; a list or with commas.
		groups: keys of groups of permissions, see `get_permission_groups`; a list or with commas. Without either: all data of
			accounts, cards and credit, and registration data.
		purpose: what for, in words for the end user; the provider's record has a default.
		expires_at: until when, a day or an instant; missing: as long as the provider's record says.
		bank: Open Finance id of a bank (`authorisationServerId`) to preselect it.
		item_id: a connection that exists: a consent of the same bank takes its place, on its terms where none are given.
		lang: language of the pages (`pt-BR`, `en`, `fr`, `cs`, `he`); the client's if missing.
		site, user, webhook_url, provider: as in `bank_api.bridge.get_bridge_connect_link`.

	Returns:
		`link` (also as `redirect_url`), `request`, `session` and `expires_at`.
	"""
	arguments.refuse_in_address("document", "business_document")
	client = arguments.caller(site)
	addresses = arguments.addresses(client, base_url, redirect_url, webhook_url)
	identity = _identity(document, business_document)
	before, replaces = None, None
	if item_id not in (None, ""):
		item = items.find(client, item_id, arguments.text(user), provider)
		before = session_data.find(client, CONNECTOR, None, item_id, arguments.text(user), provider)
		name, end_user, replaces = item.provider, item.end_user, item.name
	else:
		name = providers.resolve(client, CONNECTOR, provider)
	asked, keys = arguments.words("permissions", permissions), arguments.words("groups", groups)
	if not (asked or keys or before):
		keys = (*REGISTRATION[identity.business is not None], *DATA_GROUPS)
	terms = sessions.terms(
		name,
		permissions=asked,
		groups=keys,
		purpose=purpose,
		expires_at=arguments.instant("expires_at", expires_at),
		bank=arguments.text(bank),
		language=lang or client.language,
		before=before,
	)
	if not replaces:
		end_user = end_users.ensure(client.name, name, end_users.user_key(client, arguments.text(user)))
	return sessions.start(client, name, end_user, terms, addresses, identity=identity, replaces=replaces)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_quanto_session(
	request: str | None = None,
	session: str | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""How a visit stands, with the consents that it has given; the provider is asked while it is open.

	Args:
		request: what `get_quanto_session_link` gave; or
		session: the provider's id of the visit, as it comes back with the end user.

	Returns:
		`request`, `status` (`Pending`, `Completed`, `Failed`, `Expired`), `session_status` (the provider's word), `purpose`,
		`message`, `expires_at` and `consents`, each as `get_quanto_consent`.
	"""
	client = arguments.caller(site)
	found = session_data.find_request(client, request, session, arguments.text(user), provider)
	return session_data.visit(found)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_quanto_consents(
	user: str | int | None = None,
	state: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""All consents of an end user (of the client, without `user`), newest first, ended ones included; from the copy here.

	Args:
		state: only those that are `Waiting`, `Active`, `Suspended` or `Ended`.

	Returns:
		`consents`: each as `get_quanto_consent`, without the provider's resource.
	"""
	client = arguments.caller(site)
	return {"consents": session_data.consents(client, CONNECTOR, arguments.text(user), state, provider)}


@frappe.whitelist(methods=METHODS)
@endpoint
def get_quanto_consent(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""How a consent stands; the provider is asked.

	Args:
		consent: the provider's id of the consent; or
		item_id: the connection, which has the same id.

	Returns:
		`state` (ours), `status` (the provider's word), `consent`, `item_id`, `request`, `user`, `provider`, `bank`, `bank_id`,
		`purpose`, `permissions`, `approval` (`Single`, `Pending`, `Approved`, `Refused`), `granted_at`, `expires_at`,
		`last_access_at`, and of an ended one `ended_at`, `ended_by` and `end_reason`.
	"""
	client = arguments.caller(site)
	return session_data.status(
		session_data.find(client, CONNECTOR, consent, item_id, arguments.text(user), provider)
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_quanto_consent_details(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Open Finance Brasil's resource of a consent, field for field as last received; arguments as `get_quanto_consent`."""
	client = arguments.caller(site)
	row = session_data.find(client, CONNECTOR, consent, item_id, arguments.text(user), provider)
	return verbatim(session_data.payload(row))


@frappe.whitelist(methods=METHODS)
@endpoint
def extend_quanto_consent(
	consent: str | None = None,
	item_id: str | int | None = None,
	document: str | int | None = None,
	business_document: str | int | None = None,
	expires_at: str | None = None,
	psu_ip_address: str | None = None,
	psu_user_agent: str | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Let a consent last longer, while its end user is there.

	Args:
		consent, item_id: which consent.
		document: the CPF of the person who is there; sent on, never stored. By POST only.
		business_document: the CNPJ of the company, if it is a company's consent; likewise.
		expires_at: the new end, a day or an instant; missing: as long from now as the provider's record says.
		psu_ip_address: address of the end user's browser.
		psu_user_agent: what that browser calls itself.

	Returns:
		as `get_quanto_consent`.
	"""
	arguments.refuse_in_address("document", "business_document")
	client = arguments.caller(site)
	identity = _identity(document, business_document)
	arguments.require("psu_ip_address", psu_ip_address)
	arguments.require("psu_user_agent", psu_user_agent)
	presence = Presence(ip=arguments.ip_address(psu_ip_address), user_agent=(psu_user_agent or "")[:500])
	row = session_data.find(client, CONNECTOR, consent, item_id, arguments.text(user), provider)
	ends = arguments.instant("expires_at", expires_at) or sessions.default_end(row.provider)
	return session_data.describe(consent_extension.extend(row, identity, ends, presence))


@frappe.whitelist(methods=METHODS)
@endpoint
def get_quanto_consent_extensions(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
	page: str | int | None = None,
	page_size: str | int | None = None,
) -> Response:
	"""How a consent was extended, newest first, as received: `as_of`, `complete`, `stale` and `body`.

	The list names who extended it by CPF, so no copy of it is kept: the provider is asked each time, which is not limited.

	Args:
		consent, item_id: which consent.
		page, page_size: which page, and how many rows it has (1000 at most).
	"""
	client = arguments.caller(site)
	item = session_data.item_of(client, CONNECTOR, item_id, consent, arguments.text(user), provider)
	return bodies.answer(item, "extensions", _pages(page, page_size), keep=False)


@frappe.whitelist(methods=[*METHODS, "DELETE"])
@endpoint
def delete_quanto_consent(
	consent: str | None = None,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Withdraw a consent, at the bank and here; accounts, transactions and copies are deleted.

	Returns:
		`consent`, `item_id` and `status` (`Deleted`). From then on the item is unknown.
	"""
	client = arguments.caller(site)
	row = session_data.find(client, CONNECTOR, consent, item_id, arguments.text(user), provider)
	return consents.delete(row.name)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_permission_groups(
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""The groups of permissions that can be asked for, whole, in the order in which people are shown them.

	Returns:
		`groups`: `key`, `category`, `label` (in the caller's language) and `permissions` of each.
	"""
	client = arguments.caller(site)
	return {"groups": session_data.groups(providers.resolve(client, CONNECTOR, provider))}


@frappe.whitelist(methods=METHODS)
@endpoint
def post_item_refresh(
	item_id: str | int,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> dict:
	"""Bring the copy here up to date with what the bank has, as far as its limits of reads a month allow.

	Returns:
		as `bank_api.bridge.post_item_refresh`.
	"""
	item = items.find(arguments.caller(site), item_id, arguments.text(user), provider)
	return item_calls.refresh(item.name)


# --- accounts, cards and contracts: from the copy here


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_accounts(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The resources of accounts, cards and credit contracts, field for field as received.

	Arguments and answer as `bank_api.bridge.get_bank_accounts`.
	"""
	return _accounts((), item_id, user, since, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_credit_cards(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Card accounts; arguments and answer as `get_bank_accounts`."""
	return _accounts(CARD, item_id, user, since, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_loans(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Loans; arguments and answer as `get_bank_accounts`."""
	return _accounts(CONTRACT, item_id, user, since, site, provider, "loans")


@frappe.whitelist(methods=METHODS)
@endpoint
def get_financings(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Financings; arguments and answer as `get_bank_accounts`."""
	return _accounts(CONTRACT, item_id, user, since, site, provider, "financings")


@frappe.whitelist(methods=METHODS)
@endpoint
def get_invoice_financings(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Discounted receivables; arguments and answer as `get_bank_accounts`."""
	return _accounts(CONTRACT, item_id, user, since, site, provider, "invoice-financings")


@frappe.whitelist(methods=METHODS)
@endpoint
def get_overdrafts(
	item_id: str | int | None = None,
	user: str | int | None = None,
	since: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Unarranged overdrafts; arguments and answer as `get_bank_accounts`."""
	return _accounts(CONTRACT, item_id, user, since, site, provider, "unarranged-accounts-overdraft")


@frappe.whitelist(methods=METHODS)
@endpoint
def get_single_account(
	account_id: str | int,
	item_id: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The resource of an account, card or contract, field for field as last received.

	Args:
		account_id: the provider's id of it, a former one, or a stable id.
	"""
	client = arguments.caller(site)
	return verbatim(reading.account(client, account_id, item_id, arguments.text(user), provider).payload)


# --- transactions: from the copy here


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_transactions_by_account(
	account_id: str | int,
	user: str | int | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	item_id: str | int | None = None,
	provider: str | None = None,
) -> Response:
	"""The transaction resources of one account, card or contract; as `get_bank_transactions`.

	Args:
		account_id: the provider's id of the account, a former one, or a stable id.
	"""
	return _transactions(account_id, item_id, user, since, limit, cursor, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_credit_card_transactions(
	account_id: str | int,
	user: str | int | None = None,
	since: str | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	item_id: str | int | None = None,
	provider: str | None = None,
) -> Response:
	"""The transaction resources of one card; as `get_bank_transactions_by_account`."""
	client = arguments.caller(site)
	reading.account(client, account_id, item_id, arguments.text(user), provider, kinds=CARD)
	return _transactions(account_id, item_id, user, since, limit, cursor, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_bank_transactions(
	since: str | None = None,
	lang: str | None = None,
	user: str | int | None = None,
	item_id: str | int | None = None,
	limit: str | int | None = None,
	cursor: str | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The transaction resources, field for field as received, those that are gone included and marked.

	Arguments and answer as `bank_api.bridge.get_bank_transactions`.
	"""
	return _transactions(None, item_id, user, since, limit, cursor, site, provider)


# --- read on demand


@frappe.whitelist(methods=METHODS)
@endpoint
def get_account_balances(
	account_id: str | int,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The balances of an account: `as_of`, `complete`, `stale` and `body`.

	Args:
		account_id: the provider's id of the account, a former one, or a stable id.
		max_age: seconds that a copy may be old; a day if missing, 0 to ask the bank, as far as its monthly limit allows.
	"""
	return _of_account("balances", account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_account_overdraft_limits(
	account_id: str | int,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The overdraft limits of an account; arguments and answer as `get_account_balances`."""
	return _of_account("overdraft-limits", account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_credit_card_limits(
	account_id: str | int,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The limits of a card; arguments and answer as `get_account_balances`."""
	return _of_card("limits", {}, account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_credit_card_bills(
	account_id: str | int,
	from_date: str | None = None,
	to_date: str | None = None,
	page: str | int | None = None,
	page_size: str | int | None = None,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The closed bills of a card; otherwise as `get_account_balances`.

	Args:
		from_date, to_date: only bills due in these days (`yyyy-mm-dd`).
		page, page_size: which page, and how many rows it has (1000 at most).
	"""
	query = _pages(page, page_size) | _days("fromDueDate", from_date, "toDueDate", to_date)
	return _of_card("bills", query, account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_credit_card_bill_transactions(
	account_id: str | int,
	bill_id: str | int,
	page: str | int | None = None,
	page_size: str | int | None = None,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The transactions of one bill of a card; otherwise as `get_credit_card_bills`.

	Args:
		bill_id: `billId` of the bill.
	"""
	tail = f"bills/{arguments.key('bill_id', bill_id)}/transactions"
	return _of_card(tail, _pages(page, page_size), account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_contract(
	account_id: str | int,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The contract of a loan, financing, receivable or overdraft; arguments and answer as `get_account_balances`."""
	return _of_contract("", {}, account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_contract_warranties(
	account_id: str | int,
	page: str | int | None = None,
	page_size: str | int | None = None,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The warranties of a contract; arguments and answer as `get_credit_card_bills`."""
	return _of_contract(
		"/warranties", _pages(page, page_size), account_id, item_id, max_age, user, site, provider
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_contract_instalments(
	account_id: str | int,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The scheduled instalments of a contract; arguments and answer as `get_account_balances`."""
	return _of_contract("/scheduled-instalments", {}, account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_contract_payments(
	account_id: str | int,
	item_id: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""The payments made on a contract; arguments and answer as `get_account_balances`."""
	return _of_contract("/payments", {}, account_id, item_id, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_personal_identification(
	item_id: str | int | None = None,
	consent: str | None = None,
	page: str | int | None = None,
	page_size: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Registration data of the person: `as_of`, `complete`, `stale` and `body`.

	Args:
		item_id, consent: which connection.
		page, page_size: which page, and how many rows it has (1000 at most).
		max_age: as `get_account_balances`; banks allow eight such reads a month.
	"""
	return _of_item(
		"customers/personal/identifications",
		_pages(page, page_size),
		item_id,
		consent,
		max_age,
		user,
		site,
		provider,
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_personal_qualification(
	item_id: str | int | None = None,
	consent: str | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Income and occupation of the person; as `get_personal_identification`."""
	return _of_item("customers/personal/qualifications", {}, item_id, consent, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_personal_financial_relations(
	item_id: str | int | None = None,
	consent: str | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Since when the person is a customer, and of which products; as `get_personal_identification`."""
	return _of_item(
		"customers/personal/financial-relations", {}, item_id, consent, max_age, user, site, provider
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_business_identification(
	item_id: str | int | None = None,
	consent: str | None = None,
	page: str | int | None = None,
	page_size: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Registration data of the company; as `get_personal_identification`."""
	return _of_item(
		"customers/business/identifications",
		_pages(page, page_size),
		item_id,
		consent,
		max_age,
		user,
		site,
		provider,
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_business_qualification(
	item_id: str | int | None = None,
	consent: str | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Activities and turnover of the company; as `get_personal_identification`."""
	return _of_item("customers/business/qualifications", {}, item_id, consent, max_age, user, site, provider)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_business_financial_relations(
	item_id: str | int | None = None,
	consent: str | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""Since when the company is a customer, and of which products; as `get_personal_identification`."""
	return _of_item(
		"customers/business/financial-relations", {}, item_id, consent, max_age, user, site, provider
	)


@frappe.whitelist(methods=METHODS)
@endpoint
def get_resources(
	item_id: str | int | None = None,
	consent: str | None = None,
	page: str | int | None = None,
	page_size: str | int | None = None,
	max_age: str | int | None = None,
	user: str | int | None = None,
	site: str | None = None,
	provider: str | None = None,
) -> Response:
	"""What a consent reaches, and whether each thing is available; as `get_personal_identification`.

	Args:
		max_age: seconds that a copy may be old; the provider is asked if missing, since such reads are not limited.
	"""
	return _of_item(
		"resources", _pages(page, page_size), item_id, consent, max_age or 0, user, site, provider
	)


def _identity(document: str | int | None, business_document: str | int | None) -> Identity:
	"""Whose data it is; the numbers are checked by the connector and kept by nobody."""
	arguments.require("document", document)
	company = arguments.text(business_document)
	return Identity(Secret(arguments.text(document) or ""), Secret(company) if company else None)


def _pages(page: str | int | None, page_size: str | int | None) -> dict[str, str]:
	asked = {"page": arguments.text(page), "page-size": arguments.text(page_size)}
	return {name: value for name, value in asked.items() if value}


def _days(first: str, from_date: str | None, last: str, to_date: str | None) -> dict[str, str]:
	asked = {first: arguments.day("from_date", from_date), last: arguments.day("to_date", to_date)}
	return {name: value for name, value in asked.items() if value}


def _of_account(
	tail: str,
	account_id: str | int,
	item_id: str | int | None,
	max_age: str | int | None,
	user: str | int | None,
	site: str | None,
	provider: str | None,
) -> Response:
	held = _held(ACCOUNT, account_id, item_id, user, site, provider)
	return bodies.answer(held.item, f"accounts/accounts/{held.account_id}/{tail}", max_age=max_age)


def _of_card(
	tail: str,
	query: dict[str, str],
	account_id: str | int,
	item_id: str | int | None,
	max_age: str | int | None,
	user: str | int | None,
	site: str | None,
	provider: str | None,
) -> Response:
	held = _held(CARD, account_id, item_id, user, site, provider)
	path = f"credit-cards-accounts/accounts/{held.account_id}/{tail}"
	return bodies.answer(held.item, path, query, max_age=max_age)


def _of_contract(
	tail: str,
	query: dict[str, str],
	account_id: str | int,
	item_id: str | int | None,
	max_age: str | int | None,
	user: str | int | None,
	site: str | None,
	provider: str | None,
) -> Response:
	held = _held(CONTRACT, account_id, item_id, user, site, provider)
	path = f"{_credit_api(held.payload)}/contracts/{held.account_id}{tail}"
	return bodies.answer(held.item, path, query, max_age=max_age)


def _of_item(
	path: str,
	query: dict[str, str],
	item_id: str | int | None,
	consent: str | None,
	max_age: str | int | None,
	user: str | int | None,
	site: str | None,
	provider: str | None,
) -> Response:
	client = arguments.caller(site)
	item = session_data.item_of(client, CONNECTOR, item_id, consent, arguments.text(user), provider)
	return bodies.answer(item, path, query, max_age=max_age)


def _held(
	kinds: tuple[str, ...],
	account_id: str | int,
	item_id: str | int | None,
	user: str | int | None,
	site: str | None,
	provider: str | None,
) -> session_data.Held:
	client = arguments.caller(site)
	return session_data.account_of(
		client, CONNECTOR, account_id, item_id, arguments.text(user), provider, kinds
	)


def _credit_api(payload: str) -> str:
	"""The API that a contract belongs to, by its resource; loans for one of a type that nobody knows."""
	try:
		kind = parse_object(payload).get("productType")
	except MalformedResponse:
		kind = None
	return CREDIT_APIS.get(str(kind), "loans")


def _accounts(
	kinds: tuple[str, ...],
	item_id: str | int | None,
	user: str | int | None,
	since: str | None,
	site: str | None,
	provider: str | None,
	api: str = "",
) -> Response:
	return reading.accounts(
		arguments.caller(site),
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		provider=provider,
		connector=CONNECTOR,
		kinds=kinds,
		where=(lambda payload: _credit_api(payload) == api) if api else None,
	)


def _transactions(
	account_id: str | int | None,
	item_id: str | int | None,
	user: str | int | None,
	since: str | None,
	limit: str | int | None,
	cursor: str | None,
	site: str | None,
	provider: str | None,
) -> Response:
	return reading.transactions(
		arguments.caller(site),
		account_id=account_id,
		item_id=item_id,
		user=arguments.text(user),
		since=since,
		limit=limit,
		cursor=cursor,
		provider=provider,
		connector=CONNECTOR,
	)
