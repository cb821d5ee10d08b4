"""Every request that the connector sends, held against the published OpenAPI file (psd2-api 1.3.11).

What deviates from the file is listed, with its reason, in ``berlin_group_spec``. One more exception is the connector's:
an end user with an IPv6 address is passed on as such, where the file wants ``ipv4``, since any other address would be
made up.
"""

import json
from datetime import date

import berlin_group_spec
import pytest
from berlin_group_bank import (
	CHALLENGE,
	COMPANY,
	PRESENCE,
	RETURN_URL,
	STATE,
	Bank,
	consent_request,
	created,
	loan,
	token,
)
from scripted_server import answer

from bank_api.connectors.model import Presence, Secret

FULL_PRESENCE = Presence(
	"192.0.2.10",
	"4711",
	"Mozilla/5.0",
	"text/html",
	"he-IL,he;q=0.9",
	"GEO:32.085300;-34.781768",
	"99391c7e-ad88-49ec-a2ad-99ddcb1f7721",
)
LISTS = {"loans": "loanAccounts", "accounts": "accounts", "card-accounts": "cardAccounts"}
CONSENT = '{"consentStatus":"valid","consentId":"c-1"}'


@pytest.fixture(autouse=True)
def specification():
	berlin_group_spec.needed()


def check(bank, count: int = 1) -> None:
	assert len(bank.requests) == count
	for request in bank.requests:
		assert berlin_group_spec.is_published(request.target)
		headers = {name.title(): value for name, value in request.headers.items()}
		berlin_group_spec.check_request(request.method, request.target, headers, request.body)


@pytest.mark.parametrize(
	"changes",
	[
		{},
		{"presence": None},
		{"presence": FULL_PRESENCE},
		{"references": ("1000056782", "IL620108000000099999999")},
		{"recurring": False, "frequency_per_day": 1},
		{"account_types": ("LOAN",)},
		{"valid_until": date(9999, 12, 31)},
		{"notification_url": "https://gateway.example/push"},
		{"psu_id": Secret("")},
	],
	ids=str,
)
@pytest.mark.parametrize("account_type", ["", "LOAN"])
def test_create_a_consent(changes, account_type):
	with Bank(answer(created(), 201)) as bank:
		speaks = bank.connector(authorize_url="https://b.example/a", reference_account_type=account_type)
		speaks.create_consent(consent_request(**changes))
	check(bank)


@pytest.mark.parametrize("presence", [None, PRESENCE, FULL_PRESENCE])
def test_read_a_consent_and_its_status(presence):
	with Bank(answer(CONSENT)) as bank:
		speaks = bank.connector()
		speaks.consent("c-1", presence)
		speaks.consent_status("c-1", presence)
	check(bank, 2)


def test_withdraw_a_consent():
	with Bank(answer("", 204)) as bank:
		bank.connector().delete_consent("c-1")
	check(bank)


def test_authorisations():
	begun = '{"scaStatus":"received","authorisationId":"a-1","authorisationIds":["a-1"]}'
	with Bank(answer(begun, 201)) as bank:
		speaks = bank.connector(authorize_url="https://b.example/a")
		speaks.start_authorisation(
			"c-1",
			company=COMPANY,
			psu_id=Secret("999888777"),
			state=STATE,
			redirect_url=RETURN_URL,
			code_challenge=CHALLENGE,
			presence=FULL_PRESENCE,
		)
		speaks.authorisations("c-1")
	check(bank, 3)


@pytest.mark.parametrize("kind", list(LISTS))
@pytest.mark.parametrize("presence", [None, FULL_PRESENCE])
def test_accounts_with_details_and_balances(kind, presence):
	row = loan()
	del row["balances"]
	with Bank(
		answer(json.dumps({LISTS[kind]: [row]})), answer(json.dumps(row)), answer('{"balances":[]}')
	) as bank:
		bank.connector(resources=kind, detail_resources=kind).accounts(token(presence=presence), "c-1")
	check(bank, 3)


@pytest.mark.parametrize("kind", list(LISTS))
@pytest.mark.parametrize("since", [None, "2026-11-01T10:00:00.000Z"])
@pytest.mark.parametrize("size", ["", "50"])
def test_transactions(kind, since, size):
	next_page = {"next": {"href": "?pageIndex=2"}}
	first = answer(json.dumps({"transactions": {"booked": [], "_links": next_page}}))
	with Bank(first, answer('{"transactions":{"booked":[]}}')) as bank:
		speaks = bank.connector(resources=kind, items_per_page=size)
		page = speaks.transactions(token(), "7f0c0d3e", since, None).next_page
		speaks.transactions(token(), "7f0c0d3e", since, page)
	check(bank, 2)


def test_the_file_refuses_what_it_should():
	"""The checker itself can fail: without its request id, the same request is no longer valid."""
	with Bank(answer(CONSENT)) as bank:
		bank.connector().consent_status("c-1")
	request = bank.requests[0]
	headers = {name.title(): value for name, value in request.headers.items() if name != "x-request-id"}
	with pytest.raises(pytest.fail.Exception):
		berlin_group_spec.check_request(request.method, request.target, headers, request.body)
