"""The connector and Migdal's sandbox, written apart from the same protocol file, speak to each other over mutual TLS."""

import base64
import hashlib
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("werkzeug")

from berlin_group_bank import COMPANY, PRESENCE, RETURN_URL, STATE, VERIFIER

from bank_api.connectors import errors
from bank_api.connectors.model import (
	ConsentRequest,
	ConsentStanding,
	ItemStatus,
	KeyPair,
	ProviderConfig,
	Secret,
	Token,
	TransactionStatus,
)
from bank_api.connectors.rate_ledger import MemoryLedger
from bank_api.connectors.registry import connector_for
from bank_api.sandbox.client import SandboxControl
from bank_api.sandbox.migdal.client import Credentials, Tpp

ROOT = Path(__file__).parents[2]
CUSTOMER, LOAN = "999888777", "1000056782"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SHAPES = pytest.mark.parametrize("shape", [1, 2, 3, 4])


@pytest.fixture(scope="module")
def control():
	command = [sys.executable, "-m", "bank_api.sandbox", "--port", "0", "--migdal-port", "0"]
	process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
	try:
		yield SandboxControl(process.stdout.readline().split()[1])
	finally:
		process.terminate()
		process.wait(10)


@pytest.fixture(scope="module")
def tpp(control) -> Tpp:
	return control.migdal.tpp()


@pytest.fixture(autouse=True)
def switches(control):
	"""What a test changes is changed back."""
	before = dict(control.migdal.switches().get("switches") or control.migdal.switches())
	yield
	control.migdal.switches(**before)
	control.migdal.reset_usage()


def pair(given: Credentials) -> KeyPair:
	return KeyPair(given.chain, Secret(given.key))


def speaker(control, tpp: Tpp, **settings: str):
	config = ProviderConfig(
		name="Migdal",
		connector="berlin_group",
		api_version="1.3",
		base_url=control.migdal.url,
		client_id="",
		client_secret=Secret(""),
		connect_timeout=5.0,
		read_timeout=10.0,
		settings={
			"ca_bundle": tpp.ca,
			"environment": "Sandbox",
			"authorize_url": f"{control.migdal.pages_url}/oauth/authorize",
			"detail_resources": "loans",
			**settings,
		},
		transport=pair(tpp.transport),
		signing=pair(tpp.signing),
	)
	return connector_for(config, MemoryLedger())


def request(**changes) -> ConsentRequest:
	base = ConsentRequest(
		company=COMPANY,
		psu_id=Secret(CUSTOMER),
		references=(),
		valid_until=date.today() + timedelta(days=90),
		frequency_per_day=50,
		recurring=True,
		state=STATE,
		redirect_url=RETURN_URL,
		code_challenge=CHALLENGE,
		presence=PRESENCE,
	)
	return replace(base, **changes)


def granted(control, speaks, **changes):
	"""A consent from creation to tokens, the end user's pages included."""
	made = speaks.create_consent(request(**changes))
	back = control.migdal.complete_consent(made.link)
	came = speaks.parse_return(dict(parse_qsl(urlsplit(back).query)))
	assert came.success and came.context == STATE
	pair = speaks.exchange(
		made.consent_id, came.code, RETURN_URL, Secret(VERIFIER), metadata_url=made.metadata_url
	)
	return made, pair


def token_of(made, pair, **changes) -> Token:
	base = Token(pair.access, pair.expires_at, "", consent_id=made.consent_id, company=COMPANY)
	return replace(base, frequency_per_day=50, **changes)


@SHAPES
def test_a_bank_offered_consent_to_its_data(control, tpp, shape):
	control.migdal.switches(link_shape=shape)
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks)
	consent = speaks.consent(made.consent_id)
	assert consent.standing is ConsentStanding.VALID and LOAN in consent.references
	token = token_of(made, pair)
	item = speaks.item(token, made.consent_id)
	assert (item.status, item.bank_id) == (ItemStatus.OK, COMPANY)
	loans = {loan.reference: loan for loan in speaks.accounts(token, made.consent_id)}
	loan = loans[LOAN]
	assert loan.balance == Decimal(control.migdal.balance(LOAN))
	assert loan.loan.opening_date is not None and loan.loan.maturity_date is not None
	rows, page = [], None
	while True:
		got = speaks.transactions(token, loan.provider_account_id, None, page)
		rows += got.rows
		page = got.next_page
		if page is None:
			break
	there = control.migdal.transactions(LOAN)
	assert rows and len(rows) <= len(there)
	assert all(isinstance(row.amount, Decimal) and row.updated_at is None for row in rows)
	assert {row.status for row in rows} <= {TransactionStatus.BOOKED, TransactionStatus.PENDING}


def test_a_detailed_consent_reaches_what_it_names_and_no_more(control, tpp):
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks, references=(LOAN,))
	assert speaks.consent(made.consent_id).references == (LOAN,)
	token = token_of(made, pair)
	assert [loan.reference for loan in speaks.accounts(token, made.consent_id)] == [LOAN]


def test_every_page_of_a_long_list(control, tpp):
	control.migdal.switches(page_size=5)
	speaks = speaker(control, tpp, history_days="3650")
	made, pair = granted(control, speaks, references=(LOAN,))
	token = token_of(made, pair)
	(loan,) = speaks.accounts(token, made.consent_id)
	ids, page, pages = [], None, 0
	while pages == 0 or page is not None:
		got = speaks.transactions(token, loan.provider_account_id, None, page)
		ids += [row.provider_transaction_id for row in got.rows]
		page, pages = got.next_page, pages + 1
	named = [identifier for identifier in ids if identifier]
	assert pages > 1 and len(named) == len(set(named))
	assert len(ids) == len(control.migdal.transactions(LOAN))


def test_tokens_rotate_and_an_old_refresh_token_is_refused(control, tpp):
	speaks = speaker(control, tpp)
	made, first = granted(control, speaks)
	second = speaks.renew(made.consent_id, first.refresh, metadata_url=made.metadata_url)
	assert second.refresh != first.refresh and second.access != first.access
	assert speaks.accounts(token_of(made, second), made.consent_id)
	with pytest.raises(errors.RefreshRefused):
		speaks.renew(made.consent_id, first.refresh)


def test_a_code_serves_once(control, tpp):
	speaks = speaker(control, tpp)
	made = speaks.create_consent(request())
	came = speaks.parse_return(dict(parse_qsl(urlsplit(control.migdal.complete_consent(made.link)).query)))
	arguments = (made.consent_id, came.code, RETURN_URL)
	with pytest.raises(errors.ConsentRequired):
		speaks.exchange(*arguments, Secret("x" * 43))
	# A sandbox may burn the code on a wrong verifier; either way a second use is refused.
	try:
		speaks.exchange(*arguments, Secret(VERIFIER))
	except errors.ConsentRequired:
		return
	with pytest.raises(errors.ConsentRequired):
		speaks.exchange(*arguments, Secret(VERIFIER))


def test_an_expired_token_asks_for_renewal_and_a_dead_consent_for_the_end_user(control, tpp):
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks)
	token = token_of(made, pair)
	control.migdal.expire_tokens(made.consent_id)
	with pytest.raises(errors.AuthenticationExpired):
		speaks.accounts(token, made.consent_id)
	renewed = speaks.renew(made.consent_id, pair.refresh)
	control.migdal.set_status(made.consent_id, "revokedByPsu")
	with pytest.raises(errors.ConsentRequired):
		speaks.accounts(token_of(made, renewed), made.consent_id)
	assert speaks.consent_status(made.consent_id).standing is ConsentStanding.ENDED
	speaks.delete_consent(made.consent_id)


def test_a_suspended_consent_and_a_status_that_nobody_knows_are_not_usable(control, tpp):
	speaks = speaker(control, tpp)
	made, _pair = granted(control, speaks)
	for status in ("suspendedByASPSP", "replaced"):
		control.migdal.set_status(made.consent_id, status)
		got = speaks.consent_status(made.consent_id)
		assert (got.status, got.standing) == (status, ConsentStanding.SUSPENDED)


def test_the_end_user_who_refuses_brings_an_error_back(control, tpp):
	speaks = speaker(control, tpp)
	made = speaks.create_consent(request())
	back = control.migdal.complete_consent(made.link, refuse_at="login")
	came = speaks.parse_return(dict(parse_qsl(urlsplit(back).query)))
	assert (came.success, came.error, came.code) == (False, "access_denied", None)
	assert speaks.consent_status(made.consent_id).standing is ConsentStanding.ENDED


def test_withdrawn_twice_and_unknown_are_gone(control, tpp):
	speaks = speaker(control, tpp)
	made, _pair = granted(control, speaks)
	speaks.delete_consent(made.consent_id)
	speaks.delete_consent(made.consent_id)
	speaks.delete_consent("00000000-0000-4000-8000-000000000000")
	with pytest.raises(errors.NotFound):
		speaks.consent("00000000-0000-4000-8000-000000000000")


def test_our_quota_is_used_up_before_the_source_refuses(control, tpp):
	speaks = speaker(control, tpp, detail_resources="none")
	made, pair = granted(control, speaks, frequency_per_day=2)
	token = token_of(made, pair)
	token = replace(token, frequency_per_day=speaks.consent(made.consent_id).frequency_per_day)
	for _ in range(2):
		speaks.accounts(token, made.consent_id)
	with pytest.raises(errors.RateLimited) as ours:
		speaks.accounts(token, made.consent_id)
	# Another installation that has not counted meets the source's own refusal, with the same meaning.
	with pytest.raises(errors.RateLimited) as theirs:
		speaker(control, tpp, detail_resources="none").accounts(token, made.consent_id)
	assert ours.value.provider_code == theirs.value.provider_code == "ACCESS_EXCEEDED"
	assert speaks.accounts(replace(token, presence=PRESENCE), made.consent_id)


@pytest.mark.parametrize(
	"settings",
	[
		{"signature_algorithm": "rsa-sha512"},
		{"digest_algorithm": "SHA-512"},
		*({"key_id_style": style} for style in ("raw", "percent_all", "rfc2253", "rfc1779", "openssl")),
		{"signed_headers_reads": "x-request-id digest consent-id psu-ip-address"},
		{"company_header": "PSU-ID-Type"},
		{"company_header": "PSU-Corporate-ID"},
	],
	ids=str,
)
def test_every_rendering_of_a_signature_is_accepted(control, tpp, settings):
	speaks = speaker(control, tpp, **settings)
	made = speaks.create_consent(request())
	assert speaks.consent_status(made.consent_id).standing is ConsentStanding.WAITING


@pytest.mark.parametrize("form", ["tpp", "problem"])
@pytest.mark.parametrize(
	("code", "kind"),
	[
		("CERTIFICATE_EXPIRED", errors.ConfigurationError),
		("CONSENT_EXPIRED", errors.ConsentRequired),
		("TOKEN_EXPIRED", errors.AuthenticationExpired),
	],
)
def test_refusals_in_both_forms(control, tpp, form, code, kind):
	control.migdal.switches(error_form=form)
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks)
	control.migdal.fail(code)
	with pytest.raises(kind) as caught:
		speaks.accounts(token_of(made, pair), made.consent_id)
	assert caught.value.provider_code == code


@pytest.mark.parametrize(
	"deviation", ["bare_detail", "plural_key", "nested_list", "upper_enum", "empty_amount"]
)
def test_deviations_of_real_sources(control, tpp, deviation):
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks, references=(LOAN,))
	control.migdal.switches(deviations=[deviation], list_balances=deviation != "bare_detail")
	token = token_of(made, pair)
	(loan,) = speaks.accounts(token, made.consent_id)
	assert loan.reference == LOAN and loan.shared
	assert speaks.transactions(token, loan.provider_account_id, None, None).rows


def test_a_revoked_certificate_and_a_wrong_role_are_named(control, tpp):
	other = control.migdal.tpp("PSDIL-CMA-516000002")
	control.migdal.revoke(other.signing.serial)
	with pytest.raises(errors.ConfigurationError, match="revoked"):
		speaker(control, other).create_consent(request())
	payer = control.migdal.tpp("PSDIL-CMA-516000003", roles=["PSP_PI"])
	with pytest.raises(errors.ConfigurationError, match="PSP_AI"):
		speaker(control, payer).create_consent(request())


def test_a_token_of_another_certificate_is_refused(control, tpp):
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks)
	stolen = speaker(control, control.migdal.tpp("PSDIL-CMA-516000009"))
	with pytest.raises(errors.ProviderError):
		stolen.accounts(token_of(made, pair), made.consent_id)


def test_several_signers(control, tpp):
	control.migdal.put_psu(CUSTOMER, signers=["123456782"])
	control.migdal.put_psu("123456782", name="דנה כהן")
	try:
		speaks = speaker(control, tpp)
		made = speaks.create_consent(request())
		link = made.link or _start(speaks, made.consent_id, CUSTOMER).link
		control.migdal.complete_consent(link)
		assert speaks.consent_status(made.consent_id).status == "partiallyAuthorised"
		assert any(one.final for one in speaks.authorisations(made.consent_id))
		# Each link serves once, so each signer's trip has a state of its own.
		second = _start(speaks, made.consent_id, "123456782", STATE[::-1])
		control.migdal.complete_consent(second.link, "123456782")
		assert speaks.consent_status(made.consent_id).standing is ConsentStanding.VALID
		assert all(one.final for one in speaks.authorisations(made.consent_id))
	finally:
		control.migdal.put_psu(CUSTOMER, signers=[])


def _start(speaks, consent_id: str, psu_id: str, state: str = STATE):
	return speaks.start_authorisation(
		consent_id,
		company=COMPANY,
		psu_id=Secret(psu_id),
		state=state,
		redirect_url=RETURN_URL,
		code_challenge=CHALLENGE,
		presence=PRESENCE,
	)


def test_the_consent_says_until_when_the_end_user_allows(control, tpp):
	speaks = speaker(control, tpp)
	made = speaks.create_consent(request())
	last = date.today() + timedelta(days=7)
	control.migdal.complete_consent(made.link, valid_until=last.isoformat())
	assert speaks.consent(made.consent_id).valid_until == last


def test_the_check_of_the_settings(control, tpp):
	speaker(control, tpp).check()
	with pytest.raises(errors.ConfigurationError):
		speaker(control, replace(tpp, signing=control.migdal.tpp("PSDIL-CMA-516000004").signing)).check()


def test_secrets_are_in_no_error(control, tpp):
	speaks = speaker(control, tpp)
	made, pair = granted(control, speaks)
	dead = Token(Secret("no-such-token"), datetime.now(timezone.utc), "", consent_id=made.consent_id)
	with pytest.raises(errors.ConsentRequired) as caught:
		speaks.accounts(dead, made.consent_id)
	assert "no-such-token" not in repr(caught.value) + str(vars(caught.value))
	assert pair.access.reveal() not in repr(pair)
