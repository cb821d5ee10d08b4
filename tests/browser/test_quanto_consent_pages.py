"""What an end user does on the consent pages about data shared through Quanto, in a browser, against its simulated banks.

Without JavaScript on a screen of 360 pixels, in all five languages; axe-core looks at every page, at both widths.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from end_user_pages import HOME, LANGUAGES, NARROW, WIDE, card, picture, press, too_wide, violations
from quanto_visit import Customer, Visit

from bank_api.sandbox.quanto.client import COMPANY, PERSON, SECOND_APPROVER
from dev.story.telling import wait_for
from dev.web import Caller

BANK = "Banco Ipê"
PURPOSE = "Conciliação <b>bancária</b> & mais"
GROUPS = ("account_balances", "account_transactions", "card_bills")
NEW_GROUPS = ("account_balances", "card_limits")
SLIP = "11144477736"  # the last digit does not fit
WRITTEN = "111.444.777-35"  # as people write PERSON
BRAZILIAN = {"en": "en-GB"}  # which English the pages speak
WORDS = {
	"en": {
		"facts": ("What for", "Since", "Until", "How it ended"),
		"groups": ("Balances of accounts", "Statements of accounts", "Bills of credit cards"),
		"new_groups": ("Balances of accounts", "Limits of credit cards"),
		"slip": "The CPF has 11 digits, and the last two must fit the others",
		"somebody": "Only the person or company that gave the access can make it last longer",
		"renewed": "The access has been renewed.",
		"nothing": "Choose at least one kind of data.",
		"away": "Continue at your bank",
		"confirmed": "The bank has confirmed it.",
		"unfinished": "The steps at the bank were not finished. Nothing was changed.",
		"ended": "The access has ended. The bank has been told.",
		"replaced": "A newer access has taken its place (by you)",
		"withdrawn": "It was withdrawn (by you)",
		"history": (
			"You gave the access.",
			"You extended the access.",
			"You withdrew the access on this page.",
		),
		"others": "Other people still have to approve it at the bank. Nothing is read before.",
		"yours": "You have not finished at the bank yet. It can be finished until",
		"headings": ("Shared now", "Not complete yet", "Ended"),
	},
	"fr": {
		"facts": ("Dans quel but", "Depuis le", "Jusqu'au", "Comment il a pris fin"),
		"groups": ("Soldes des comptes", "Relevés des comptes", "Factures des cartes de crédit"),
		"new_groups": ("Soldes des comptes", "Plafonds des cartes de crédit"),
		"slip": "Le CPF a 11 chiffres, et les deux derniers doivent correspondre aux autres",
		"somebody": "Seule la personne ou l'entreprise qui a donné l'accès peut le prolonger",
		"renewed": "L'accès a été renouvelé.",
		"nothing": "Choisissez au moins un type de données.",
		"away": "Continuer auprès de votre banque",
		"confirmed": "La banque l'a confirmé.",
		"unfinished": "Les étapes auprès de la banque n'ont pas été terminées. Rien n'a été modifié.",
		"ended": "L'accès a pris fin. La banque en a été informée.",
		"replaced": "Un accès plus récent l'a remplacé (par vous)",
		"withdrawn": "Il a été retiré (par vous)",
		"history": (
			"Vous avez donné l'accès.",
			"Vous avez prolongé l'accès.",
			"Vous avez retiré l'accès sur cette page.",
		),
		"others": "D'autres personnes doivent encore l'approuver auprès de la banque. Rien n'est lu avant.",
		"yours": "Vous n'avez pas encore terminé auprès de la banque. C'est possible jusqu'au",
		"headings": ("Partagé actuellement", "Pas encore terminé", "Terminé"),
	},
	"cs": {
		"facts": ("K čemu", "Od", "Do", "Jak skončil"),
		"groups": ("Zůstatky účtů", "Výpisy z účtů", "Vyúčtování kreditních karet"),
		"new_groups": ("Zůstatky účtů", "Limity kreditních karet"),
		"slip": "CPF má 11 číslic a poslední dvě musí odpovídat ostatním",
		"somebody": "Přístup může prodloužit jen ten, kdo ho udělil, osoba nebo firma",
		"renewed": "Přístup byl obnoven.",
		"nothing": "Zvolte alespoň jeden druh dat.",
		"away": "Pokračujte u své banky",
		"confirmed": "Banka to potvrdila.",
		"unfinished": "Kroky v bance nebyly dokončeny. Nic se nezměnilo.",
		"ended": "Přístup skončil. Banka o tom ví.",
		"replaced": "Nahradil ho novější přístup (vámi)",
		"withdrawn": "Byl odvolán (vámi)",
		"history": (
			"Udělili jste přístup.",
			"Prodloužili jste přístup.",
			"Na této stránce jste přístup odvolali.",
		),
		"others": "V bance to musí ještě schválit další lidé. Předtím se nic nečte.",
		"yours": "V bance jste to ještě nedokončili. Dokončit to lze do",
		"headings": ("Nyní sdíleno", "Ještě nedokončeno", "Ukončeno"),
	},
	"pt-BR": {
		"facts": ("Para quê", "Desde", "Até", "Como terminou"),
		"groups": ("Saldos das contas", "Extratos das contas", "Faturas dos cartões de crédito"),
		"new_groups": ("Saldos das contas", "Limites dos cartões de crédito"),
		"slip": "O CPF tem 11 dígitos e os dois últimos precisam corresponder aos demais",
		"somebody": "Só a pessoa ou empresa que deu o acesso pode prorrogá-lo",
		"renewed": "O acesso foi renovado.",
		"nothing": "Escolha pelo menos um tipo de dados.",
		"away": "Continue no seu banco",
		"confirmed": "O banco confirmou.",
		"unfinished": "Os passos no banco não foram concluídos. Nada foi alterado.",
		"ended": "O acesso terminou. O banco foi avisado.",
		"replaced": "Um acesso mais recente tomou seu lugar (por você)",
		"withdrawn": "Foi retirado (por você)",
		"history": ("Você deu o acesso.", "Você prorrogou o acesso.", "Você retirou o acesso nesta página."),
		"others": "Outras pessoas ainda precisam aprovar no banco. Nada é lido antes disso.",
		"yours": "Você ainda não terminou no banco. Dá para terminar até",
		"headings": ("Compartilhado agora", "Ainda não concluído", "Encerrado"),
	},
	"he": {
		"facts": ("לשם מה", "מאז", "עד", "כיצד הסתיים"),
		"groups": ("יתרות חשבונות", "דפי חשבון", "חיובים של כרטיסי אשראי"),
		"new_groups": ("יתרות חשבונות", "מסגרות של כרטיסי אשראי"),
		"slip": "מספר CPF הוא בן 11 ספרות, ושתי האחרונות חייבות להתאים לאחרות",
		"somebody": "רק מי שנתן את הגישה, אדם או חברה, יכול להאריך אותה",
		"renewed": "הגישה חודשה.",
		"nothing": "יש לבחור לפחות סוג נתונים אחד.",
		"away": "המשך אצל הבנק שלך",
		"confirmed": "הבנק אישר זאת.",
		"unfinished": "השלבים אצל הבנק לא הושלמו. דבר לא השתנה.",
		"ended": "הגישה הסתיימה. הבנק קיבל על כך הודעה.",
		"replaced": "גישה חדשה יותר באה במקומה (על ידך)",
		"withdrawn": "בוטלה (על ידך)",
		"history": ("נתת את הגישה.", "הארכת את הגישה.", "ביטלת את הגישה בדף זה."),
		"others": "אנשים נוספים עדיין צריכים לאשר זאת בבנק. עד אז שום דבר אינו נקרא.",
		"yours": "עוד לא סיימת אצל הבנק. אפשר לסיים עד",
		"headings": ("משותף כעת", "טרם הושלם", "הסתיים"),
	},
}


@dataclass
class Sharer:
	"""An end user on the consent pages, whose every page has to be right in its language and to its tools."""

	customer: Customer
	world: Any
	page: Any
	mirror: Any
	axe: str
	language: str
	width: int = NARROW
	user: str = field(default_factory=lambda: f"sharer-{uuid.uuid4().hex[:8]}")

	@property
	def words(self) -> dict[str, Any]:
		return WORDS[self.language]

	@property
	def bank(self) -> Any:
		"""The simulated Quanto and its banks."""
		return self.world.control.quanto

	def share(self, **terms: Any) -> str:
		"""Give a consent in a session; its id."""
		link = self.customer.link(self.user, self.language, purpose=PURPOSE, **terms)
		self._return(self.bank.complete_session(link["link"]))
		(consent,) = self.customer.api.call("get_quanto_session", request=link["request"])["consents"]
		return consent["consent"]

	def _return(self, location: str) -> None:
		parts = urlsplit(location)
		assert Caller(self.world.url).call("GET", f"{parts.path}?{parts.query}").status == 200

	def open(self, name: str = "") -> None:
		self.page.goto(self.customer.shared(self.user, self.language))
		self.look(name)

	def home(self) -> None:
		self.page.goto(self.world.url + HOME)
		self.look()

	def look(self, name: str = "") -> None:
		"""The page at hand is in its language and direction, fits the screen, and axe-core finds nothing."""
		root = self.page.locator("html")
		assert root.get_attribute("lang") == self.language
		assert root.get_attribute("dir") == ("rtl" if self.language == "he" else "ltr")
		assert too_wide(self.page) <= 0, self.page.url
		# axe-core is a script, and none runs in this browser: it looks at the same page in another one.
		self.mirror.set_content(self.page.content())
		assert violations(self.mirror, self.axe) == [], self.page.url
		for number in (PERSON, SLIP, WRITTEN, SECOND_APPROVER, COMPANY):
			assert number not in self.page.content() and number not in self.page.url
		if name and self.language in ("en", "he"):
			picture(self.page, f"consents-quanto-{name}-{self.language}-{self.width}")

	def details(self, badge: str = "", name: str = "") -> None:
		"""Open the details of the only sharing with this badge."""
		self.page.locator("li.card", has=self.page.locator(badge or ".badge")).locator("a").click()
		self.look(name)
		assert self.page.locator("h1").inner_text() == BANK

	def facts(self) -> dict[str, str]:
		terms, texts = self.page.locator("main dl dt"), self.page.locator("main dl dd")
		return dict(zip(terms.all_inner_texts(), texts.all_inner_texts(), strict=True))

	def data(self) -> tuple[str, ...]:
		"""What the details say may be read."""
		return tuple(self.page.locator("main h2 + ul:not(.actions)").first.locator("li").all_inner_texts())

	def history(self) -> list[str]:
		return self.page.locator("ol.history li span").all_inner_texts()

	def day(self, instant: str) -> str:
		"""A day as Chromium writes it in this language, in the zone that the page names."""
		zone = re.search(r"UTC([+-]\d\d:\d\d)", self.page.locator("footer").inner_text())[1]
		return self.page.evaluate(
			"([at, language, timeZone]) => new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone })"
			".format(new Date(at))",
			[instant, BRAZILIAN.get(self.language, self.language), zone],
		)

	def submit(self) -> None:
		with self.page.expect_navigation():
			self.page.locator("main form button").click()

	def refused(self, sentence: str, name: str = "") -> None:
		"""A form has come back with what is wrong, announced, and without the number."""
		alert = self.page.locator("[role=alert]")
		assert alert.inner_text().startswith(self.words[sentence])
		assert self.page.locator("#person").input_value() == ""
		assert "problem" in self.page.locator("#person").get_attribute("aria-describedby")
		self.look(name)

	def done(self, sentence: str) -> None:
		"""The overview says what has just happened."""
		assert urlsplit(self.page.url).path == HOME, self.page.locator("main").inner_text()
		assert self.page.locator("[role=status]").inner_text() == self.words[sentence]
		self.look()

	def sections(self) -> dict[str, list[str]]:
		"""Headings of the overview, with the banks under each."""
		return {
			part.locator("h2").inner_text(): part.locator("h3").all_inner_texts()
			for part in self.page.locator("main section").all()
		}

	def there(self, consent: str) -> dict[str, Any]:
		"""The consent as its bank has it."""
		return self.bank.consent(consent)

	def told_once(self, kind: str, consent: str) -> None:
		wait_for(f"{kind} of {consent}", lambda: self.customer.told(kind, consent), 60)
		self.bank.drain_webhooks()
		assert len(self.customer.told(kind, consent)) == 1, kind


@pytest.fixture
def sharer(customer: Customer, world: Any, pages: Any, axe: str) -> Callable[..., Sharer]:
	def new(language: str, width: int = NARROW) -> Sharer:
		return Sharer(customer, world, pages(width), pages(width, script=True), axe, language, width)

	return new


def in_days(days: int) -> str:
	return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_shared_is_seen_extended_changed_and_ended(sharer: Any, language: str):
	me = sharer(language)
	first = me.share(groups=",".join(GROUPS), expires_at=in_days(90))
	see(me, first)
	extend(me, first)
	second = change(me, first)
	end(me, second)


def see(me: Sharer, consent: str) -> None:
	"""Bank, permission groups, purpose, since and until, on the overview and in the details."""
	there = me.there(consent)
	me.open("overview")
	active, _waiting, _ended = me.words["headings"]
	assert me.sections() == {active: [BANK]}
	text = card(me.page, BANK).inner_text()
	assert "; ".join(me.words["groups"]) in text and me.day(there["expires_at"]) in text
	me.details(".badge.active", "details")
	purpose, since, until, _how = me.words["facts"]
	facts = me.facts()
	assert facts[purpose] == PURPOSE
	assert facts[until].startswith(me.day(there["expires_at"]))
	assert facts[since] == me.day(in_days(0))
	assert me.data() == me.words["groups"]
	assert me.words["history"][0] in me.history()


def extend(me: Sharer, consent: str) -> None:
	"""The number is asked for here; a wrong one is said to be wrong, and nothing is lost."""
	before = me.there(consent)
	press(me.page, "renew")
	me.look("renew")
	for number, sentence in ((SLIP, "slip"), (SECOND_APPROVER, "somebody")):
		me.page.fill("#person", number)
		me.submit()
		me.refused(sentence, f"renew-{sentence}")
		assert me.there(consent) == before
	me.page.fill("#person", WRITTEN)
	me.submit()
	me.done("renewed")
	after = me.there(consent)
	assert after["status"] == "AUTHORISED" and after["expires_at"] > before["expires_at"]
	me.details(".badge.active")
	assert me.facts()[me.words["facts"][2]] == me.day(after["expires_at"])
	assert me.words["history"][1] in me.history()
	told = me.customer.api.call("get_quanto_consent", consent=consent)
	assert told["expires_at"][:19] == after["expires_at"][:19]


def change(me: Sharer, old: str) -> str:
	"""Other groups are chosen, confirmed at Quanto and at the bank, and take the old consent's place; the new one's id."""
	press(me.page, "change")
	me.look("change")
	boxes = me.page.locator("input[name=chosen]")
	ticked = me.page.locator("input[name=chosen]:checked")
	assert set(ticked.evaluate_all("boxes => boxes.map(box => box.value)")) == set(GROUPS)
	for box in boxes.all():
		box.uncheck()
	me.page.fill("#person", PERSON)
	me.submit()
	me.refused("nothing")
	for group in NEW_GROUPS:
		me.page.check(f"input[value={group}]")
	me.page.fill("#person", SLIP)
	me.submit()
	me.refused("slip", "change-slip")
	assert set(ticked.evaluate_all("boxes => boxes.map(box => box.value)")) == set(NEW_GROUPS)
	assert me.there(old)["status"] == "AUTHORISED"
	me.page.fill("#person", PERSON)
	me.submit()
	go_there(me)
	visit = Visit(me.page, me.world, me.language)
	visit.confirm()
	assert me.page.locator("input[name='bank']:checked").get_attribute("value") == "ipe"
	visit.share("ipe")
	visit.press("finish")
	me.page.wait_for_url(f"**{HOME}?**")
	me.done("confirmed")
	active, _waiting, ended = me.words["headings"]
	assert me.sections() == {active: [BANK], ended: [BANK]}
	return replaced(me, old)


def go_there(me: Sharer) -> None:
	"""From the page that names where it goes on to, to the first page there."""
	assert me.page.locator("h1").inner_text() == me.words["away"]
	assert me.page.locator(".host").inner_text() == urlsplit(me.bank.url).netloc
	me.look("away")
	me.page.locator("a.main").click()
	me.page.wait_for_url(f"{me.bank.url}/**")


def replaced(me: Sharer, old: str) -> str:
	me.details(".badge:not(.active)")
	assert me.facts()[me.words["facts"][3]] == me.words["replaced"]
	me.home()
	me.details(".badge.active", "details-changed")
	assert me.data() == me.words["new_groups"]
	assert me.facts()[me.words["facts"][0]] == PURPOSE
	assert me.there(old)["status"] == "REJECTED"
	(consent,) = me.customer.api.call("get_quanto_consents", user=me.user, state="Active")["consents"]
	there = me.there(consent["consent"])
	assert there["status"] == "AUTHORISED"
	assert {name for name in there["permissions"] if name.startswith("CREDIT")} == {
		"CREDIT_CARDS_ACCOUNTS_READ",
		"CREDIT_CARDS_ACCOUNTS_LIMITS_READ",
	}
	me.told_once("item.deleted", old)
	me.told_once("consent.granted", consent["consent"])
	assert me.customer.told("consent.revoked", old) == []
	return consent["consent"]


def end(me: Sharer, consent: str) -> None:
	"""Asked once more, then ended at the bank; the history stays, and the client is told once."""
	press(me.page, "end")
	me.look("end")
	assert BANK in me.page.locator("h1").inner_text()
	assert me.there(consent)["status"] == "AUTHORISED"
	me.submit()
	me.done("ended")
	_active, _waiting, ended = me.words["headings"]
	assert me.sections() == {ended: [BANK, BANK]}
	there = me.there(consent)
	assert there["status"] == "REJECTED"
	assert there["rejection"]["reason"]["code"] == "CUSTOMER_MANUALLY_REVOKED"
	me.told_once("consent.revoked", consent)
	me.told_once("item.deleted", consent)
	me.page.locator("li.card a").first.click()
	me.look("ended")
	assert me.facts()[me.words["facts"][3]] == me.words["withdrawn"]
	assert {me.words["history"][0], me.words["history"][2]} <= set(me.history())
	assert me.page.locator(".actions").count() == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_waits_for_a_second_signer_is_cancelled(sharer: Any, language: str):
	me = sharer(language)
	consent = me.share(business_document=COMPANY, groups="account_balances,account_transactions")
	assert "PENDING_AUTHORISATION" in me.there(consent)["states"].values()
	me.told_once("consent.waiting", consent)
	me.open("waiting")
	_active, waiting, ended = me.words["headings"]
	assert me.sections() == {waiting: [BANK]}
	assert me.words["others"] in card(me.page, BANK).inner_text()
	me.details(name="waiting-details")
	assert me.words["others"] in me.page.locator("main").inner_text()
	address = me.page.url
	assert [
		link.get_attribute("href").rpartition("/")[2] for link in me.page.locator(".actions a").all()
	] == ["end"]
	for action in ("renew", "change"):
		assert me.page.goto(f"{address}/{action}").status == 404
	me.page.goto(address)
	press(me.page, "end")
	me.look("cancel")
	me.submit()
	me.done("ended")
	assert me.sections() == {ended: [BANK]}
	assert me.there(consent)["status"] == "REJECTED"
	me.told_once("consent.revoked", consent)
	me.told_once("item.deleted", consent)
	assert me.customer.told("consent.granted", consent) == []
	me.page.locator("li.card a").first.click()
	assert me.facts()[me.words["facts"][3]] == me.words["withdrawn"]
	assert me.words["history"][2] in me.history()


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_turns_back_at_the_bank_has_changed_nothing(sharer: Any, language: str):
	"""With another person's number the bank lets nobody in; what was shared goes on, and what was begun can be cancelled."""
	me = sharer(language)
	consent = me.share(groups=",".join(GROUPS))
	before = me.there(consent)
	me.open()
	me.details(".badge.active")
	press(me.page, "change")
	me.page.fill("#person", SECOND_APPROVER)
	me.submit()
	go_there(me)
	visit = Visit(me.page, me.world, me.language)
	visit.confirm()
	visit.press("continue")
	assert visit.look() == "bank_login"
	me.page.fill("input[name='cpf']", PERSON)
	visit.press("login")
	assert visit.look() == "result"
	visit.press("finish")
	me.page.wait_for_url(f"**{HOME}?**")
	me.done("unfinished")
	active, waiting, ended = me.words["headings"]
	assert me.sections() == {active: [BANK], waiting: [BANK]}
	assert me.there(consent) == before
	unfinished = me.page.locator("li.card", has_text=me.words["yours"])
	unfinished.locator("a").click()
	me.look()
	press(me.page, "end")
	me.submit()
	me.done("ended")
	assert me.sections() == {active: [BANK], ended: [BANK]}
	assert me.there(consent) == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_a_wide_screen(sharer: Any, language: str):
	"""The same pages for who looks at them at a desk, and the one by which nobody is let in."""
	me = sharer(language, WIDE)
	me.share(groups=",".join(GROUPS))
	me.share(business_document=COMPANY, groups="account_balances,account_transactions")
	me.open("overview")
	active, waiting, _ended = me.words["headings"]
	assert me.sections() == {active: [BANK], waiting: [BANK]}
	for badge, actions in ((".badge.active", ("renew", "change", "end")), (".badge:not(.active)", ("end",))):
		me.home()
		me.details(badge, f"details-{len(actions)}")
		address = me.page.url
		for action in actions:
			me.page.goto(f"{address}/{action}")
			me.look(action if len(actions) > 1 else "")
