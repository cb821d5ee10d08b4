"""KB's file variants: KM, SEPA XML, BEST (protocol 3.4, 5, appendix)."""

import pytest
from kb_harness import PARTNER, TODAY, codes

from bank_api.sandbox.kb.data import EURO, MAIN
from bank_api.sandbox.kb.numbers import from_local, iban_sound, internal, number_of

KM = (
	"UHL1080926SYNTHETIC SRO       1000000005001999000000000000\r\n"
	"1 1501 001000 0100\r\n"
	"2 000019-1000000005 00000000173456 090926\r\n"
	"000000-1234567899 000000123456 20260042 01000308 0000000077 AV:Faktura 2026/0042\r\n"
	"000019-2000145399 000000050000 0 08000000 0000000000 AV:Zaloha|druha cast\r\n"
	"3 +\r\n"
	"5 +\r\n"
)
SEPA = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-09-08T09:00:00</CreDtTm><NbOfTxs>1</NbOfTxs><CtrlSum>12.30</CtrlSum>
<InitgPty><Nm>F</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>P1</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>1</NbOfTxs><CtrlSum>12.30</CtrlSum>
<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf><ReqdExctnDt>2026-09-09</ReqdExctnDt><Dbtr><Nm>F</Nm></Dbtr>
<DbtrAcct><Id><IBAN>{EURO}</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BIC>KOMBCZPP</BIC></FinInstnId></DbtrAgt>
<ChrgBr>SLEV</ChrgBr><CdtTrfTxInf><PmtId><EndToEndId>E2E-1</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">12.30</InstdAmt></Amt>
<Cdtr><Nm>Muller GmbH</Nm></Cdtr><CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct>
<RmtInf><Ustrd>/VS/42/SS/7 Invoice</Ustrd></RmtInf></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>"""
_TEXT = "Faktura 2026/0042".ljust(140)
BEST = "".join(
	f"{row.ljust(351)}\r\n"
	for row in (
		"HI         260908DAVKA1",
		"01000012026090820260909CZK0000000001234560CZK 0000000308"
		+ _TEXT
		+ "   0100000019100000000500000000000000000000"
		+ " " * 30
		+ "   010000000012345678990020260042"
		+ "0000000077DODAVATEL SRO".ljust(40)
		+ "SN",
		"TI         260908000001000000000000123456",
	)
)
PLAIN = "text/plain; charset=windows-1250"


def km(client, text: str = KM, exchange: str = "KM1", **headers):
	path = headers.pop("path", "/km")
	return client.send_raw(exchange, text.encode("windows-1250"), path, **{"Content_Type": PLAIN, **headers})


class TestKm:
	def test_the_example_of_the_protocol_file(self, kb, kb_client):
		body = km(kb_client).json()
		assert (body["instructionStatus"], body["totalDebitAmount"]) == ("ACTC", 1734.56)
		first, second = kb.kb.batch(body["transactionIdentification"])["payments"]
		assert (first["own"], first["partner"], first["amount"]) == (
			MAIN,
			"CZ9501000000001234567899",
			"1234.56",
		)
		assert first["day"] == "2026-09-09"
		assert (second["partner"], second["details"]["message"]) == (PARTNER, "Zaloha\ndruha cast")
		expected = {"variable": "20260042", "constant": "308", "specific": "77"}
		assert expected.items() <= first["details"].items()

	def test_the_content_type_alone_says_the_format(self, kb_client):
		assert km(kb_client, path="").json()["instructionStatus"] == "ACTC"

	def test_single_orders_and_other_line_ends(self, kb, kb_client):
		text = KM.replace("2 000019-1000000005 ", "2 ").replace(
			"000000-1234567899", "19-1000000005 1234567899"
		)
		text = text.replace("000019-2000145399", "0000191000000005 19-2000145399").replace("\r\n", "\n")
		payments = kb.kb.batch(km(kb_client, text).json()["transactionIdentification"])["payments"]
		assert [found["own"] for found in payments] == [MAIN, MAIN]

	def test_collections_are_credits(self, kb_client):
		body = km(kb_client, KM.replace("1 1501", "1 1502")).json()
		assert (body["transactionCreditCount"], body["totalCreditAmount"]) == (2, 1734.56)

	def test_a_number_serves_once_a_day(self, kb, kb_client):
		assert km(kb_client).ok
		assert codes(km(kb_client, exchange="KM2")) == ["AM05"]
		assert km(kb_client, KM.replace("1 1501 001", "1 1501 002"), exchange="KM3").ok
		kb.advance(86400)
		kb_client.refresh()
		assert km(kb_client, exchange="KM4").ok

	@pytest.mark.parametrize(
		("old", "new", "code", "line"),
		[
			("UHL1", "UHL2", "FF01", 1),
			("080926", "310226", "DT01", 1),
			("1 1501", "1 1503", "FF01", 2),
			("000 0100\r\n2", "000 0800\r\n2", "RC10", 2),
			("001000 0100", "000000 0100", "FF01", 2),
			("00000000173456", "00000000173457", "AM10", 6),
			("000000050000", "00000005,000", "FF01", 5),
			("druha cast", "x" * 36, "FF01", 5),
			("5 +\r\n", "", "FF01", 7),
		],
	)
	def test_what_refuses_the_file(self, kb, kb_client, old, new, code, line):
		answer = km(kb_client, KM.replace(old, new, 1))
		assert (answer.status_code, codes(answer)) == (400, [code])
		assert answer.json()["errors"][0]["additionalInfo"]["parameterName"] == f"line {line}"
		assert kb.kb.book()["count"] == 0

	def test_an_item_of_a_wrong_account_is_rejected_alone(self, kb, kb_client):
		body = km(kb_client, KM.replace("2000145399", "2000145398")).json()
		assert body["rejectedTransactionDebitCount"] == 1

	def test_the_path_and_the_type_must_agree(self, kb_client):
		assert km(kb_client, Content_Type="application/json").status_code == 415


class TestSepa:
	def send(self, client, text=SEPA, exchange="SX1"):
		return client.send_raw(exchange, text.encode(), "/sepaxml", Content_Type="application/xml")

	def test_it_is_read(self, kb, kb_client):
		body = self.send(kb_client).json()
		found = kb.kb.batch(body["transactionIdentification"])["payments"][0]
		assert (found["own"], found["partner"]) == (EURO, "DE89370400440532013000")
		assert (found["amount"], found["currency"], found["day"]) == ("12.30", "EUR", "2026-09-09")
		expected = {"variable": "42", "specific": "7", "end_to_end": "E2E-1", "name": "Muller GmbH"}
		assert expected.items() <= found["details"].items()

	@pytest.mark.parametrize(
		("old", "new"),
		[
			("<CtrlSum>12.30", "<CtrlSum>12.31"),
			("<NbOfTxs>1", "<NbOfTxs>2"),
			("pain.001.001.03", "pain.001.001.09"),
			("<?xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><?xml"),
			("<Document", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><Document'),
			("SLEV", "DEBT"),
			("</Document>", ""),
			("12.30</InstdAmt>", "1.2.3</InstdAmt>"),
			("<Nm>Muller GmbH</Nm>", "<Nm>M</Nm><PstlAdr><AdrLine>x</AdrLine></PstlAdr>"),
		],
	)
	def test_what_refuses_the_file(self, kb, kb_client, old, new):
		assert self.send(kb_client, SEPA.replace(old, new, 1)).status_code == 400
		assert kb.kb.book()["count"] == 0

	def test_the_later_version_is_a_switch(self, kb, kb_client):
		kb.kb.switches(pain_versions=["pain.001.001.03", "pain.001.001.09"])
		text = SEPA.replace("pain.001.001.03", "pain.001.001.09")
		text = text.replace(
			"<ReqdExctnDt>2026-09-09</ReqdExctnDt>", "<ReqdExctnDt><Dt>2026-09-09</Dt></ReqdExctnDt>"
		)
		assert self.send(kb_client, text).json()["instructionStatus"] == "ACTC"


class TestBest:
	def send(self, client, text=BEST):
		return client.send_raw("BE1", text.encode("windows-1250"), "/best", Content_Type=PLAIN)

	def test_it_is_off(self, kb_client):
		assert self.send(kb_client).status_code == 415

	def test_the_example_of_the_protocol_file(self, kb, kb_client):
		kb.kb.switches(file_formats=["km", "sepaxml", "best"])
		answer = self.send(kb_client)
		assert answer.ok, answer.text
		found = kb.kb.batch(answer.json()["transactionIdentification"])["payments"][0]
		assert (found["own"], found["partner"]) == (MAIN, "CZ9501000000001234567899")
		assert (found["amount"], found["status"]) == ("1234.56", "ACTC")
		assert found["details"]["variable"] == "20260042"
		assert found["details"]["message"] == "Faktura 2026/0042"

	@pytest.mark.parametrize(
		("old", "new"),
		[
			("TI         260908000001", "TI         260908000002"),
			("000000000000123456", "000000000000123457"),
			("TI", "TX"),
			("HI", "HX"),
			("20260909CZK", "20260230CZK"),
			("SN", "SN "),
		],
	)
	def test_what_refuses_the_file(self, kb, kb_client, old, new):
		kb.kb.switches(file_formats=["best"])
		assert old in BEST
		assert self.send(kb_client, BEST.replace(old, new)).status_code == 400


class TestNumbers:
	@pytest.mark.parametrize(
		("text", "bank", "iban"),
		[
			("19-1000000005", "0100", "CZ0401000000191000000005"),
			("90093-669910217", "0100", "CZ5901000900930669910217"),
			("1234567899", "0100", "CZ9501000000001234567899"),
			("19-2000145399", "0800", "CZ6508000000192000145399"),
			("19-19", "0300", "CZ0603000000190000000019"),
		],
	)
	def test_vectors_of_the_protocol_file(self, text, bank, iban):
		found = from_local(text, bank)
		assert found is not None
		assert found.iban == iban
		assert str(number_of(iban)) == f"{text}/{bank}"

	@pytest.mark.parametrize("text", ["19012333", "35-4394430237", "115-9471180207", "1", "0-0"])
	def test_wrong_ones(self, text):
		assert from_local(text, "0100") is None

	def test_they_agree_with_other_libraries(self):
		stdnum = pytest.importorskip("stdnum.cz.bankaccount")
		import random

		rng = random.Random(1)
		for _ in range(3000):
			prefix, base = rng.randrange(1000), rng.randrange(10**6, 10**10)
			text = f"{prefix}-{base}" if prefix else str(base)
			ours = from_local(text, "0100") is not None
			assert stdnum.is_valid(f"{text}/0100") == ours

	def test_the_internal_form(self):
		assert internal("0000191000000005") == "5000100000000019"

	def test_ibans_of_others(self):
		assert iban_sound("DE89370400440532013000")
		assert not iban_sound("DE89370400440532013001")
		assert not iban_sound("DE8937040044053201300")


def test_holidays_agree_with_another_library():
	holidays = pytest.importorskip("holidays")
	from datetime import date, timedelta

	from bank_api.sandbox.kb.days import is_bank_day

	day = date(2024, 1, 1)
	known = holidays.country_holidays("CZ", years=range(2024, 2035))
	while day < date(2035, 1, 1):
		assert is_bank_day(day) == (day.weekday() < 5 and day not in known), day
		day += timedelta(days=1)


def test_today_is_a_bank_day():
	from datetime import date

	from bank_api.sandbox.kb.days import is_bank_day

	assert is_bank_day(date.fromisoformat(TODAY))
	assert not is_bank_day(date(2026, 4, 3))
	assert not is_bank_day(date(2026, 4, 6))
