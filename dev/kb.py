"""The guided set-up of a KB provider, and what a company's ERP hands over to it: lists of payments, an ABO file, a pain.001 file."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from bank_api.sandbox.kb import days
from bank_api.sandbox.kb.data import CLOSED, EURO, MAIN, OWNER, SAVINGS, WAGES
from bank_api.sandbox.kb.numbers import BANKS, make
from dev.errors import DevError
from dev.setup_page import SetUpPage
from dev.web import Caller

if TYPE_CHECKING:
	from dev.seed import Setup

RETURN_PATH = "/bank-api/return"
AUTHORISE_AT = "MojeBanka or KB+: Payments, Batch payments via API"
SOFTWARE = "Ukázkové ERP"
NAME, NUMBER = "Ukázková firma s.r.o.", "12345679"
CONTACT = {"kind": "Technical", "contact_name": "Jana Nováková", "email": "jana@firma.example.com"}
BOSS = "jana"
COMPANY = "Ukazkova firma s.r.o."
GONE = CLOSED
"""An account with sound digits that the bank has closed: only the bank can know."""
_PAYEES = ("Petr Novák", "Jana Dvořáková", "Tomáš Řehoř", "Eva Šťastná", "Božena Křížová")
_WHERE = [code for code, (_name, bic) in BANKS.items() if bic and code not in ("0100", "0710")]


def record(setup: "Setup", name: str, **values: Any) -> dict[str, Any]:
	"""A bare KB provider that would speak to the sandbox: no step of its set-up is done."""
	known = setup.control("GET", "/kb")
	pages = known["pages_url"]
	lines = {
		"registration_url": f"{known['url']}/v3",
		"registration_page": f"{pages}/client-registration-ui/v2/saml/register",
		"authorize_url": f"{pages}/autfe/ssologin",
		"name.path_find": "/batchPayments",
	}
	defaults = {
		"connector": "kb",
		"environment": "Sandbox",
		"country_code": "CZ",
		"api_base_url": known["api_url"],
		"ca_bundle": known["ca"],
		"further_settings": "\n".join(f"{key} = {value}" for key, value in lines.items()),
	}
	return setup.admin.insert("Bank API Provider", provider_name=name, **(defaults | values))


class KbSetUp(SetUpPage):
	"""One provider on its way from a bare record to its first consent."""

	def through(self, register: Callable[[str], str] | None = None) -> Iterator[tuple[str, str]]:
		"""Do every step; each with a word on what came of it.

		Args:
			register: what a human does with the link to the bank's page of registration; the address that the browser
				comes back to. Without it, the application is registered without the pages, and its client id entered by hand.

		Raises:
			DevError: a step is not done afterwards.
		"""
		yield "contacts", self.done("contacts", "save", contacts=[CONTACT])
		yield "keys", self._keys()
		yield "certificate", self._certificate()
		yield "statement", self.done("statement", "request", software_name=SOFTWARE)
		yield "registration", self._walked(register) if register else self._entered()
		self.done("proof", "check")
		yield "proof", "the bank knows who asks"
		yield "channel", self.done("channel", "save", authorise_at=AUTHORISE_AT)

	def _keys(self) -> str:
		keys = self.setup.control("GET", "/kb")["api_keys"]
		entered = {f"api_key_{api}": keys[api] for api in ("registration", "oauth2", "adaa")}
		self.done("keys", "save", **entered)
		return f"{len(entered)} keys, stored encrypted"

	def _certificate(self) -> str:
		title = f"Commercial {secrets.token_hex(3)}"
		facts = self.run("certificate", "create", title=title, organization=NAME, number=NUMBER)[
			"certificate"
		]["facts"]
		csr = next(fact["value"] for fact in facts if fact["filename"])
		self.done(
			"certificate", "upload", text=self.setup.control("POST", "/kb/issue", {"csr": csr})["chain"]
		)
		return f"{title}, issued by I.CA's stand-in"

	def _walked(self, register: Callable[[str], str]) -> str:
		link = self.press("registration", "open")["once"]["url"]
		back = urlsplit(register(link))
		page = Caller(self.setup.admin.url).call("GET", f"{back.path}?{back.query}")
		shown = self.steps()["registration"]
		if page.status != 200 or shown["state"] != "done":
			raise DevError(
				f"the way back answered {page.status}, the step is {shown['state']}: {shown['reason']}"
			)
		return "; ".join(f"{fact['label']} {fact['value']}" for fact in shown["facts"][:2])

	def _entered(self) -> str:
		known = {"redirect_uris": [self.setup.admin.url + RETURN_PATH], "name": SOFTWARE}
		app = self.setup.control("POST", "/kb/apps", known)
		return self.done("registration", "enter", client_id=app["client_id"], client_secret=app["secret"])


def consent(setup: "Setup", link: str) -> None:
	"""What the bank's pages do when the boss agrees, without walking them; the browser comes back to the gateway.

	Raises:
		DevError: the gateway did not take it.
	"""
	asked = {name: found[0] for name, found in parse_qs(urlsplit(link).query).items()}
	values = {name: asked[name] for name in ("client_id", "redirect_uri", "state")}
	values |= {"scopes": asked["scope"].split(), "user": OWNER}
	back = urlsplit(setup.control("POST", "/kb/consents", values)["location"])
	page = Caller(setup.admin.url).call("GET", f"{back.path}?{back.query}")
	if page.status != 200:
		raise DevError(f"the return page answered {page.status}")


def bank_day(today: str, after: int = 1) -> str:
	"""The day on which the bank works for the n-th time after a day."""
	day = date.fromisoformat(today)
	for _ in range(after):
		day = days.next_bank_day(day)
	return day.isoformat()


def payee(number: int) -> str:
	"""The account of a payee somewhere in the country."""
	return make(f"{200_000_000 + number * 7}", _WHERE[number % len(_WHERE)]).iban


def wages(count: int, first: int = 0) -> list[dict[str, Any]]:
	"""A month's wages as an ERP lists them; no two are equal."""
	return [
		{
			"partner_account": payee(number),
			"partner_name": _PAYEES[number % len(_PAYEES)],
			"amount": f"{20_000 + number}.{number % 100:02d}",
			"variable_symbol": f"{2026_00000 + number}",
			"constant_symbol": "138",
			"message": f"Výplata {number + 1}",
		}
		for number in range(first, first + count)
	]


def abo(day: str, amounts: Sequence[str], account: str = MAIN) -> bytes:
	"""Invoices as a Czech accounting package writes them: ABO (KM), windows-1250, written out by hand."""
	own, short = _plain(account), f"{date.fromisoformat(day):%d%m%y}"
	hundredths = [int(Decimal(amount) * 100) for amount in amounts]
	lines = [
		f"UHL1{date.today() - timedelta(days=1):%d%m%y}{'UKAZKOVA FIRMA':20}{own[-10:]}001999{'0' * 12}",
		"1 1501 001000 0100",
		f"2 {own} {sum(hundredths):014d} {short}",
	]
	for number, amount in enumerate(hundredths):
		partner = payee(500 + number)
		where = f"{partner[4:8]}0308"
		lines.append(
			f"{_plain(partner)} {amount:012d} {2026_1000 + number} 00{where} 0000000000 AV:Faktura {number + 1}"
		)
	return "".join(f"{line}\r\n" for line in [*lines, "3 +", "5 +"]).encode("windows-1250")


def _plain(iban: str) -> str:
	return f"{iban[8:14]}-{iban[14:]}"


def sepa(day: str, amounts: Sequence[str]) -> bytes:
	"""Invoices from abroad as an ERP writes them: pain.001.001.03."""
	total = sum(map(Decimal, amounts))
	orders = "".join(
		f"<CdtTrfTxInf><PmtId><EndToEndId>INV-{number}</EndToEndId></PmtId>"
		f'<Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt><Cdtr><Nm>Muller GmbH</Nm></Cdtr>'
		"<CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct>"
		f"<RmtInf><Ustrd>Invoice {number}</Ustrd></RmtInf></CdtTrfTxInf>"
		for number, amount in enumerate(amounts, 1)
	)
	counted = f"<NbOfTxs>{len(amounts)}</NbOfTxs><CtrlSum>{total}</CtrlSum>"
	return (
		'<?xml version="1.0" encoding="UTF-8"?>'
		'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"><CstmrCdtTrfInitn>'
		f"<GrpHdr><MsgId>DEMO-1</MsgId><CreDtTm>{date.today()}T08:00:00</CreDtTm>{counted}"
		f"<InitgPty><Nm>{COMPANY}</Nm></InitgPty></GrpHdr>"
		f"<PmtInf><PmtInfId>DEMO-1-1</PmtInfId><PmtMtd>TRF</PmtMtd>{counted}"
		"<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>"
		f"<ReqdExctnDt>{day}</ReqdExctnDt><Dbtr><Nm>{COMPANY}</Nm></Dbtr>"
		f"<DbtrAcct><Id><IBAN>{EURO}</IBAN></Id></DbtrAcct>"
		"<DbtrAgt><FinInstnId><BIC>KOMBCZPP</BIC></FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>"
		f"{orders}</PmtInf></CstmrCdtTrfInitn></Document>"
	).encode()


__all__ = ["EURO", "MAIN", "OWNER", "SAVINGS", "WAGES"]
