"""Sessions at the simulated Quanto: the pages in five languages, the way back, consents, the panel, tenancy."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from quanto_harness import RETURN, Quanto, errors_of, running_quanto, session_body

from bank_api.sandbox.page import SandboxError
from bank_api.sandbox.quanto.bank.texts import TEXTS as BANK_TEXTS
from bank_api.sandbox.quanto.client import COMPANY, PERSON, QuantoBrowser, Setup
from bank_api.sandbox.quanto.html import LANGUAGES
from bank_api.sandbox.quanto.permissions import GROUPS, of_groups
from bank_api.sandbox.quanto.texts import TEXTS

WAY = ["panel", "confirm", "choose", "bank_login", "bank_choose", "result"]
STATEMENTS = ["ACCOUNTS_READ", "ACCOUNTS_TRANSACTIONS_READ", "RESOURCES_READ"]


@pytest.fixture(scope="module")
def process() -> Iterator[Quanto]:
	with running_quanto() as found:
		yield found


@pytest.fixture
def quanto(process: Quanto) -> Quanto:
	"""The sandbox as it was at its start; the institution stays."""
	process.control.reset()
	return process


def refused(quanto: Quanto, **values: Any) -> tuple[int, list[str]]:
	answer = quanto.call("POST", "/v1/sessions", json=session_body() | values)
	return answer.status_code, errors_of(answer)


# start
def test_a_session_has_a_link_that_is_not_its_id(quanto: Quanto) -> None:
	session = quanto.start(externalId="our-mark")
	assert session["status"] == "CREATED"
	assert session["sessionId"] not in session["url"]
	assert session["externalId"] == "our-mark"
	read = quanto.get(f"/v1/sessions/{session['sessionId']}")
	assert read["consents"] == [] and read["externalId"] == "our-mark"


@pytest.mark.parametrize(
	("values", "expected"),
	[
		({"loggedUser": {}}, (400, ["REQUISICAO_INVALIDA"])),
		(
			{"loggedUser": {"document": {"identification": "11144477736", "rel": "CPF"}}},
			(422, ["DOCUMENTO_INVALIDO"]),
		),
		(
			{"businessEntity": {"document": {"identification": "1", "rel": "CNPJ"}}},
			(400, ["REQUISICAO_INVALIDA"]),
		),
		({"redirectUri": "https://evil.example/return"}, (422, ["REDIRECT_URI_INVALIDA"])),
		({"redirectUri": f"{RETURN}/further"}, (422, ["REDIRECT_URI_INVALIDA"])),
		({"authorisationServerId": "nobody"}, (422, ["INSTITUICAO_INVALIDA"])),
		({"expirationDateTime": "tomorrow"}, (400, ["REQUISICAO_INVALIDA"])),
		({"expirationDateTime": "2020-01-01T00:00:00Z"}, (422, ["DATA_EXPIRACAO_INVALIDA"])),
		({"expirationDateTime": "2999-01-01T00:00:00Z"}, (422, ["DATA_EXPIRACAO_INVALIDA"])),
		({"permissions": ["EVERYTHING_READ"]}, (400, ["REQUISICAO_INVALIDA"])),
		({"permissions": STATEMENTS[1:]}, (422, ["COMBINACAO_PERMISSOES_INCORRETA"])),
		({"permissions": STATEMENTS[:2]}, (422, ["COMBINACAO_PERMISSOES_INCORRETA"])),
		({"permissions": of_groups(["business_identification"])}, (422, ["INFORMACOES_PJ_NAO_INFORMADAS"])),
		(
			{"permissions": of_groups(["business_identification", "personal_identification"])},
			(422, ["PERMISSAO_PF_PJ_EM_CONJUNTO"]),
		),
		({"purpose": 7}, (422, ["CAMPO_INVALIDO"])),
		({"language": "<script>"}, (422, ["CAMPO_INVALIDO"])),
	],
)
def test_a_wrong_start_is_refused(
	quanto: Quanto, values: dict[str, Any], expected: tuple[int, list[str]]
) -> None:
	assert refused(quanto, **values) == expected


def test_a_company_excludes_personal_permissions(quanto: Quanto) -> None:
	body = session_body(cnpj=COMPANY, permissions=of_groups(["personal_identification"]))
	answer = quanto.call("POST", "/v1/sessions", json=body)
	assert (answer.status_code, errors_of(answer)) == (422, ["PERMISSOES_PJ_INCORRETAS"])


# the pages
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_way_in_every_language(quanto: Quanto, language: str) -> None:
	session = quanto.start(language=language, purpose="Análise de crédito")
	browser = quanto.sandbox.browser(session["url"], "de")  # what the session says counts more
	assert f'<html lang="{language}"' in browser.page.text
	assert TEXTS[language]["panel_title"] in browser.page.text
	browser.walk(finish=False)
	assert browser.steps == WAY
	location = browser.walk((), finish=True)
	assert location == f"{RETURN}?sessionId={session['sessionId']}"
	found = quanto.get(f"/v1/sessions/{session['sessionId']}")
	assert found["status"] == "FINISHED"
	assert [row["status"] for row in found["consents"]] == ["AUTHORISED"]


def test_every_language_has_every_text() -> None:
	for words in (TEXTS, BANK_TEXTS):
		assert set(words) == set(LANGUAGES)
		for language in LANGUAGES:
			assert set(words[language]) == set(words["pt-BR"]), language
			for name, text in words[language].items():
				assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", words["pt-BR"][name]), (
					language,
					name,
				)
	assert {f"group_{group.key}" for group in GROUPS} <= set(TEXTS["en"])


def test_several_institutions_in_one_session(quanto: Quanto) -> None:
	session = quanto.start()
	quanto.sandbox.complete_session(session["url"], ("ipe", "araucaria"))
	found = quanto.get(f"/v1/sessions/{session['sessionId']}")
	assert [row["institution"]["name"] for row in found["consents"]] == ["Banco Ipê", "Caixa Araucária"]
	assert len({row["consentId"] for row in found["consents"]}) == 2


def test_the_pages_show_purpose_and_masked_numbers_and_no_number_reaches_an_address(quanto: Quanto) -> None:
	session = quanto.start(cnpj=COMPANY, purpose="Análise <b>de</b> crédito")
	browser = quanto.sandbox.browser(session["url"], "en")
	browser.post(("action", "share"))
	assert browser.page.step == "confirm"
	assert "Análise &lt;b&gt;de&lt;/b&gt; crédito" in browser.page.text
	assert "•••.444.777-••" in browser.page.text and "222.333" in browser.page.text
	assert PERSON not in browser.page.text and COMPANY not in browser.page.text
	browser.walk(finish=True)
	for call in quanto.sandbox.requests():
		assert PERSON not in call["path"] + call["query"] and COMPANY not in call["path"] + call["query"]


def test_the_end_user_chooses_groups_and_accounts(quanto: Quanto) -> None:
	accounts = quanto.sandbox.products(kind="ACCOUNT")
	session = quanto.start(permissions=of_groups(["statements", "balances", "card_bills"]))
	browser = quanto.sandbox.browser(session["url"])
	browser.walk(groups=["statements"], resources=[accounts[1]["id"]])
	(row,) = quanto.get(f"/v1/sessions/{session['sessionId']}")["consents"]
	assert sorted(row["permissions"]) == sorted(STATEMENTS)
	listed = quanto.get(f"/v1/consents/{row['consentId']}/accounts")["data"]
	assert [account["accountId"] for account in listed] == [accounts[1]["id"]]
	assert quanto.get(f"/v1/consents/{row['consentId']}/resources")["meta"]["totalRecords"] == 1


def test_nothing_ticked_is_said_on_the_page(quanto: Quanto) -> None:
	browser = quanto.sandbox.browser(quanto.start()["url"], "en")
	for action in ("share", "confirm"):
		browser.post(("action", action))
	browser.post(("action", "continue"), ("groups", "statements"))
	assert TEXTS["en"]["say_choose_bank"] in browser.page.text
	browser.post(("action", "continue"), ("bank", "ipe"))
	assert TEXTS["en"]["say_choose_groups"] in browser.page.text


def test_a_preselected_bank_is_ticked(quanto: Quanto) -> None:
	bank = quanto.sandbox.info()["banks"][1]
	browser = quanto.sandbox.browser(quanto.start(authorisationServerId=bank["authorisationServerId"])["url"])
	for action in ("share", "confirm"):
		browser.post(("action", action))
	assert re.search(r'value="araucaria" checked', browser.page.text)
	assert not re.search(r'value="ipe" checked', browser.page.text)


def test_leaving_without_sharing_abandons_the_session(quanto: Quanto) -> None:
	session = quanto.start()
	location = quanto.sandbox.browser(session["url"]).walk(refuse_at="panel")
	assert location == f"{RETURN}?sessionId={session['sessionId']}"
	assert quanto.get(f"/v1/sessions/{session['sessionId']}")["status"] == "ABANDONED"


@pytest.mark.parametrize("step", ["bank_login", "bank_choose"])
def test_refusing_at_the_bank_comes_back_to_quanto(quanto: Quanto, step: str) -> None:
	session = quanto.start()
	browser = quanto.sandbox.browser(session["url"], "en")
	browser.walk(refuse_at=step, finish=False)
	assert TEXTS["en"]["say_refused"] in browser.page.text
	(row,) = quanto.get(f"/v1/sessions/{session['sessionId']}")["consents"]
	assert row["status"] == "REJECTED"
	assert row["rejection"]["reason"]["code"] == "CUSTOMER_MANUALLY_REJECTED"


def test_a_log_in_as_somebody_else_is_denied_and_the_consent_goes_on_waiting(quanto: Quanto) -> None:
	quanto.sandbox.customer("52998224725")
	session = quanto.start()
	browser = quanto.sandbox.browser(session["url"], "en")
	browser.walk(cpf="52998224725", finish=False)
	assert TEXTS["en"]["say_refused"] in browser.page.text
	(row,) = quanto.get(f"/v1/sessions/{session['sessionId']}")["consents"]
	assert row["status"] == "AWAITING_AUTHORISATION"


def test_the_bank_knows_no_stranger(quanto: Quanto) -> None:
	browser = quanto.sandbox.browser(quanto.start(language="en")["url"])
	for values in (
		[("action", "share")],
		[("action", "confirm")],
		[("bank", "ipe"), ("groups", "statements"), ("action", "continue")],
		[("cpf", "39053344705"), ("action", "login")],
	):
		browser.post(*values)
	assert browser.page.step == "bank_login"
	assert BANK_TEXTS["en"]["unknown_cpf"] in browser.page.text


# links and browsers
def test_a_link_is_dead_once_the_session_is_over(quanto: Quanto) -> None:
	session = quanto.start()
	quanto.sandbox.complete_session(session["url"])
	assert requests.get(session["url"], timeout=10).status_code == 410
	assert requests.get(session["url"] + "x", timeout=10).status_code == 410


def test_a_session_expires_and_keeps_what_was_shared(quanto: Quanto) -> None:
	session = quanto.start()
	browser = quanto.sandbox.browser(session["url"])
	browser.walk(finish=False)
	quanto.control.advance(3600)
	found = quanto.get(f"/v1/sessions/{session['sessionId']}")
	assert found["status"] == "EXPIRED"
	assert [row["status"] for row in found["consents"]] == ["AUTHORISED"]
	assert browser.walk(()) == f"{RETURN}?sessionId={session['sessionId']}"


def test_the_id_of_a_session_opens_nothing(quanto: Quanto) -> None:
	session = quanto.start()
	quanto.sandbox.browser(session["url"])
	answer = requests.get(f"{quanto.setup.url}/session/{session['sessionId']}", timeout=10)
	assert answer.status_code == 404


def test_a_bank_link_serves_one_browser(quanto: Quanto) -> None:
	browser = quanto.sandbox.browser(quanto.start()["url"])
	for action in ("share", "confirm"):
		browser.post(("action", action))
	browser.post(("bank", "ipe"), ("groups", "statements"), ("action", "continue"))
	answer = requests.get(browser.url, timeout=10)
	assert answer.status_code == 409
	assert 'data-step="bank_notice"' in answer.text


def test_a_callback_serves_once(quanto: Quanto) -> None:
	url = f"{quanto.setup.url}/callback?code=x&state="
	assert requests.get(url, timeout=10).status_code == 404
	assert requests.get(f"{url}guess", timeout=10).status_code == 404


def test_pages_run_nothing_and_are_kept_nowhere(quanto: Quanto) -> None:
	browser = quanto.sandbox.browser(quanto.start()["url"])
	answer = browser.session.get(browser.url, timeout=10)
	assert "<script" not in answer.text
	assert answer.headers["Cache-Control"] == "no-store"
	assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
	assert len(answer.content) < 60_000


# whitelabel
def test_the_theme_and_texts_of_the_institution_are_worn(quanto: Quanto) -> None:
	theme = {
		"logoUrl": "data:image/png;base64,iVBORw0KGgo=",
		"colors": {"primary": "#ab12cd"},
		"fonts": {"family": "Georgia, serif"},
		"texts": {"panel_text": "Bem-vindo, aqui é {client}.", "unknown_key": "x"},
		"purpose": "Conciliação",
	}
	quanto.call("PUT", "/v1/whitelabel/consent-management", json=theme)
	quanto.call("PUT", "/v1/whitelabel/tsp", json={"purpose": "Conciliação"})
	browser = quanto.sandbox.browser(quanto.start()["url"])
	assert "--primary:#ab12cd" in browser.page.text and "Georgia, serif" in browser.page.text
	assert "Bem-vindo, aqui é Sim Gateway Ltda." in browser.page.text
	assert 'src="data:image/png;base64,iVBORw0KGgo="' in browser.page.text
	browser.post(("action", "share"))
	assert "Conciliação" in browser.page.text and "#ab12cd" not in browser.page.text


# the panel
def test_the_panel_lists_and_revokes_with_a_confirmation(quanto: Quanto) -> None:
	consent = quanto.share()
	session = quanto.start()
	browser = quanto.sandbox.browser(session["url"], "en")
	assert "Banco Ipê" in browser.page.text and TEXTS["en"]["status_AUTHORISED"] in browser.page.text
	browser.post(("action", f"revoke:{consent}"))
	assert browser.page.step == "revoke"
	assert quanto.sandbox.consent(consent)["status"] == "AUTHORISED"
	browser.post(("action", "revoke"))
	assert TEXTS["en"]["say_revoked"] in browser.page.text
	assert quanto.sandbox.consent(consent)["rejection"] == {
		"rejectedBy": "USER",
		"reason": {"code": "CUSTOMER_MANUALLY_REVOKED"},
	}


def test_changing_a_sharing_replaces_it(quanto: Quanto) -> None:
	old = quanto.share()
	session = quanto.start()
	browser = quanto.sandbox.browser(session["url"])
	browser.post(("action", f"change:{old}"))
	browser.walk(groups=["statements"])
	(row,) = quanto.get(f"/v1/sessions/{session['sessionId']}")["consents"]
	assert sorted(row["permissions"]) == sorted(STATEMENTS)
	assert quanto.sandbox.consent(old)["status"] == "REJECTED"


def test_the_panel_shows_nobody_elses_sharings(quanto: Quanto) -> None:
	consent = quanto.share()
	for body in ({"cpf": "52998224725"}, {"cnpj": COMPANY}):
		browser = quanto.sandbox.browser(quanto.start(**body)["url"], "en")
		assert TEXTS["en"]["panel_empty"] in browser.page.text
		browser.post(("action", f"revoke:{consent}"))
		assert browser.page.step == "panel"
	assert quanto.sandbox.consent(consent)["status"] == "AUTHORISED"


def test_looking_at_the_panel_uses_up_no_traffic(quanto: Quanto) -> None:
	"""However much an end user shares, and however often the panel is opened."""
	consent = quanto.share()
	quanto.share()
	quanto.control.clock(freeze=True)  # the limit is one of a minute
	quanto.control.reset_limits()
	quanto.sandbox.switches(tpm=1)
	for _ in range(3):
		browser = quanto.sandbox.browser(quanto.start()["url"], "en")
		assert browser.page.text.count(TEXTS["en"]["status_AUTHORISED"]) == 2
		browser.post(("action", "share"))
		assert browser.page.step == "confirm"
	quanto.get(f"/v1/consents/{consent}")
	quanto.get(f"/v1/consents/{consent}", status=429)


def test_the_panel_stands_while_a_bank_fails(quanto: Quanto) -> None:
	quanto.share()
	quanto.share("araucaria")
	quanto.control.fail("status", "/open-banking/consents", status=500, times=-1)
	browser = quanto.sandbox.browser(quanto.start()["url"], "en")
	assert (browser.status, browser.page.step) == (200, "panel")
	assert browser.page.text.count(TEXTS["en"]["status_AUTHORISED"]) == 2


# consents
def test_consents_are_listed_newest_first_in_pages(quanto: Quanto) -> None:
	made = [quanto.share() for _ in range(3)]
	first = quanto.get("/v1/consents?page-size=2")
	assert first["meta"]["totalRecords"] == 3 and first["meta"]["totalPages"] == 2
	second = quanto.get(first["links"]["next"].removeprefix(quanto.setup.url))
	rows = [row["consentId"] for row in first["data"] + second["data"]]
	assert rows == made[::-1]
	assert "next" not in second["links"] and second["links"]["prev"]
	assert quanto.call("GET", "/v1/consents?page-size=1001").status_code == 422


def test_revoking_at_the_receiver_ends_the_consent_at_the_bank(quanto: Quanto) -> None:
	consent = quanto.share()
	assert quanto.call("DELETE", f"/v1/consents/{consent}").status_code == 204
	again = quanto.call("DELETE", f"/v1/consents/{consent}")
	assert (again.status_code, errors_of(again)) == (422, ["CONSENTIMENTO_EM_STATUS_REJEITADO"])
	assert quanto.call("GET", f"/v1/consents/{consent}/accounts").status_code == 401
	assert quanto.get(f"/v1/consents/{consent}")["data"]["rejection"]["rejectedBy"] == "USER"


def test_another_institution_sees_nothing(quanto: Quanto) -> None:
	consent = quanto.share()
	session = quanto.start()
	stranger = quanto.sandbox.set_up(
		organization="11111111-2222-4333-8444-555555555555", software="22222222-2222-4333-8444-555555555555"
	)
	unknown = stranger.call("GET", f"/v1/consents/{consent}x")
	for setup, path in (
		(stranger, f"/v1/consents/{consent}"),
		(stranger, f"/v1/consents/{consent}/accounts"),
		(stranger, f"/v1/sessions/{session['sessionId']}"),
	):
		answer = setup.call("GET", path)
		assert answer.status_code == 404, path
	assert stranger.call("GET", f"/v1/consents/{consent}").json()["errors"] == unknown.json()["errors"]
	assert stranger.call("DELETE", f"/v1/consents/{consent}").status_code == 404
	assert stranger.call("GET", "/v1/consents").json()["data"] == []
	assert isinstance(stranger, Setup)


def test_both_spellings_of_a_relayed_address_mean_the_same(quanto: Quanto) -> None:
	consent = quanto.share()
	account = quanto.sandbox.products(kind="ACCOUNT")[0]["id"]
	for short, full in (
		("resources", "resources/resources"),
		("accounts", "accounts/accounts"),
		(f"accounts/{account}/balances", f"accounts/accounts/{account}/balances"),
	):
		one, other = (quanto.get(f"/v1/consents/{consent}/{path}") for path in (short, full))
		assert one["links"]["self"] == f"{quanto.setup.url}/v1/consents/{consent}/{short}"
		assert other["links"]["self"] == f"{quanto.setup.url}/v1/consents/{consent}/{full}"
	assert quanto.call("GET", f"/v1/consents/{consent}/payments/x").status_code == 404
	assert quanto.call("GET", f"/v1/consents/{consent}/consents/x").status_code == 404


def test_a_bank_that_breaks_is_a_gateway_failure_of_quanto(quanto: Quanto) -> None:
	consent = quanto.share()
	for kind in ("reset", "cut"):
		quanto.control.fail(kind, "/ipe/open-banking/accounts")
		assert quanto.call("GET", f"/v1/consents/{consent}/accounts").status_code == 504
	quanto.control.fail("garbage", "/ipe/open-banking/consents")
	assert quanto.call("GET", f"/v1/consents/{consent}").status_code == 500


def test_the_walker_says_where_it_stopped(quanto: Quanto) -> None:
	with pytest.raises(SandboxError, match="notice"):
		QuantoBrowser(f"{quanto.setup.url}/s/nothing").walk()
