"""Batches of payments in the desk: seen at a glance, looked up, cancelled, decided about, downloaded; 100,000 payments too."""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode
from urllib.request import Request

import pytest
from payments_company import BATCH, PAYMENT, Company

from dev import web as dev_web
from dev.errors import DevError
from dev.story.telling import wait_for

HEBREW = re.compile("[\u0590-\u05ff]")
LARGE = 100_000
SLOW = 120_000
DOWNLOAD = "/api/method/bank_api.bank_api.doctype.bank_api_payment_batch.bank_api_payment_batch.download"
API_DOWNLOAD = "/api/method/bank_api.kb.download_payment_batch"


@pytest.fixture(scope="session")
def company(world: Any) -> Any:
	company = Company(world)
	yield company
	company.receiver.stop()


@pytest.fixture(scope="session")
def stored(company: Any) -> str:
	return company.stored()


@pytest.fixture(scope="session")
def parted(company: Any) -> str:
	return company.in_parts()


@pytest.fixture(scope="session")
def several(company: Any, stored: str, parted: str) -> dict[str, str]:
	"""Batches that stand differently."""
	return {
		"Stored": stored,
		"Settled": company.settled(),
		"Authorised": company.authorised(),
		"Rejected": company.refused(),
		"Validated": company.waiting(),
	}


def intro(screen: Any) -> str:
	return screen.page.locator(".form-message:visible").first.inner_text()


def batch_form(screen: Any, name: str) -> str:
	"""Open a batch and wait for what is shown besides its fields; the text of the form."""
	screen.form(BATCH, name)
	screen.page.locator("[data-fieldname='timeline'] tbody tr").first.wait_for(state="attached")
	return screen.page.locator(".form-layout:visible").first.inner_text()


def rows(screen: Any) -> Any:
	return screen.page.locator(".list-row-container:visible .list-row")


def shown_rows(screen: Any) -> list[str]:
	rows(screen).first.wait_for()
	screen.settle()
	return rows(screen).all_inner_texts()


def test_the_list_of_batches(screen: Any, several: dict[str, str]):
	screen.open("bank-api-payment-batch")
	texts = shown_rows(screen)
	wages = next(text for text in texts if "Mzdy za říjen" in text)
	assert "Settled" in wages and "17,886.78 CZK" in wages and "12" in wages
	assert not [text for text in texts if "1/3" in text], "parts are shown with their whole only"
	pills = screen.page.locator(".list-row-container:visible .indicator-pill")
	colors = {pill.inner_text().strip(): pill.get_attribute("class") for pill in pills.all()}
	for state, color in {"Settled": "green", "Stored": "orange", "Rejected": "red"}.items():
		assert color in colors[state]
	assert not screen.page.locator(".page-head:visible .primary-action:visible").count(), "nothing to add"
	screen.picture("payments")
	screen.choose("state", "Settled")
	screen.page.wait_for_function("() => window.cur_list && cur_list.data.length === 1")


def test_a_batch_at_a_glance(screen: Any, company: Any, stored: str):
	text = batch_form(screen, stored)
	row = company.row(stored)
	assert "11,332.36 CZK" in text and "8 × Stored" in text and "CZ04 0100 0000 1910 0000 0005" in text
	assert row["digest"] in text and row["provider_digest"] in text and row["provider_batch_id"] in text
	assert "MojeBanka" in intro(screen)
	steps = screen.page.locator("[data-fieldname='timeline'] tbody tr").all_inner_texts()
	assert [re.split(r"\t|\n", step.strip())[1].strip() for step in steps] == [
		"Validated",
		"Sending",
		"Stored",
	]
	screen.picture("payments-batch")
	screen.page.locator("[data-status='Stored']").click()
	screen.page.wait_for_function(
		"() => window.cur_list && cur_list.data.map((row) => row.number).join() === '1,2,3,4,5,6,7,8'"
	)
	assert len(shown_rows(screen)) == 8
	screen.picture("payments-list")


def test_nothing_is_entered_by_hand(screen: Any, world: Any, stored: str):
	batch_form(screen, stored)
	open_fields = screen.page.evaluate(
		"""() => cur_frm.meta.fields.filter((df) => !df.read_only
			&& !["Section Break", "Column Break", "Tab Break", "HTML"].includes(df.fieldtype)).map((df) => df.fieldname)"""
	)
	assert open_fields == []
	assert not screen.page.locator(".page-head:visible .primary-action:visible").count()
	for doctype in (BATCH, PAYMENT):
		with pytest.raises(DevError, match="403"):
			world.admin.insert(doctype, number=1)
	with pytest.raises(DevError, match="403"):
		world.admin.update(BATCH, stored, state="Settled")


def test_the_parts_of_a_batch(screen: Any, company: Any, parted: str):
	text = batch_form(screen, parted)
	parts = screen.page.locator("[data-fieldname='parts'] tbody tr")
	assert parts.count() == 3
	for number in company.at_bank(parted):
		assert number in text
	assert "Each part waits" in intro(screen)
	screen.picture("payments-parts")
	parts.first.locator("a").click()
	screen.page.wait_for_function("() => cur_frm.doc.parent_batch && cur_frm.doc.part_number === 1")
	screen.page.locator("[data-status='Stored']").wait_for()


def test_refused_payments_are_told_with_their_field(screen: Any, company: Any):
	batch_form(screen, company.partly())
	told = screen.page.locator("[data-fieldname='errors'] tbody tr").all_inner_texts()
	assert len(told) == 2
	assert told[0].startswith("3") and "variable_symbol" in told[0] and "at most 10 digits" in told[0]
	assert told[1].startswith("5") and "partner_account" in told[1]
	screen.picture("payments-errors")
	screen.page.locator("[data-fieldname='errors'] tbody a").first.click()
	screen.page.wait_for_function("() => cur_frm.doctype === 'Bank API Payment' && cur_frm.doc.number === 3")
	screen.settle()
	assert "at most 10 digits" in screen.shown("error")
	screen.picture("payments-payment")


def test_the_bank_is_asked(screen: Any, company: Any):
	batch = company.stored("Leasing", 2)
	company.bank.channel().authorise(company.at_bank(batch)[0])
	batch_form(screen, batch)
	screen.press("Ask the Bank")
	screen.reload_until("doc.state === 'Authorised'")
	assert not screen.page.locator(
		".page-head:visible .custom-actions button", has_text="Cancel Batch"
	).count()


def test_a_batch_is_cancelled(screen: Any, company: Any, several: dict[str, str]):
	waiting = company.stored("Omyl", 2)
	for name in (several["Validated"], waiting):
		batch_form(screen, name)
		screen.press("Cancel Batch")
		screen.answer_yes()
		screen.reload_until("doc.state === 'Cancelled'")
	assert company.bank.batch(company.row(waiting)["provider_batch_id"])["status"] == "RJCT"


def decide(screen: Any, what: str, typed: str, number: str = "") -> None:
	screen.press("Decide")
	dialog = screen.dialog()
	dialog.locator("[data-fieldname='what'] select").select_option(what)
	if number:
		dialog.locator("[data-fieldname='provider_batch_id'] input").fill(number)
	dialog.locator("[data-fieldname='typed'] input").fill(typed)
	dialog.locator(".btn-primary:visible").click()
	screen.page.wait_for_timeout(600)


def test_a_human_decides_about_a_batch_in_doubt(screen: Any, world: Any, company: Any):
	batch = company.unknown()
	row = company.row(batch)
	assert "never sent again" in (batch_form(screen, batch) and intro(screen))
	assert row["exchange_id"] in screen.page.locator("[data-fieldname='overview']").inner_text()
	screen.picture("payments-unknown")
	number = company.bank.batches(exchange=row["exchange_id"])[0]["id"]
	decide(screen, "The bank has it", "6 805.16", number)
	assert "not the total" in screen.dialog().inner_text()
	screen.page.keyboard.press("Escape")
	batch_form(screen, batch)
	decide(screen, "The bank has it", "6 805,15", number)
	assert "6805.15 CZK" in screen.dialog().inner_text()
	screen.answer_yes()
	screen.page.locator(".modal.show", has_text="ten minutes").wait_for()
	screen.errors.clear()  # the browser itself reports the refused request
	assert company.row(batch)["state"] == "Unknown"
	earlier = (datetime.fromisoformat(row["sent_at"]) - timedelta(minutes=11)).isoformat(" ")
	world.stack.bench.frappe(
		"execute",
		"frappe.db.set_value",
		"--args",
		repr([BATCH, batch, "sent_at", earlier]),
		site=world.stack.site,
	)
	batch_form(screen, batch)
	screen.press("Decide")
	screen.picture("payments-decide")
	screen.page.keyboard.press("Escape")
	batch_form(screen, batch)
	decide(screen, "The bank has it", "6805.15", number)
	screen.answer_yes()
	screen.reload_until("doc.state === 'Stored'")
	assert company.row(batch)["decided_by"] == "Administrator"
	assert len(company.bank.batches(exchange=row["exchange_id"])) == 1, "nothing was sent again"


def test_a_batch_is_downloaded(screen: Any, company: Any, stored: str):
	batch_form(screen, stored)
	screen.press("Download")
	screen.dialog().locator("[data-fieldname='file_format'] select").select_option("abo")
	screen.answer_yes()
	screen.page.locator(".modal.show", has_text="has no place for this").wait_for()
	screen.errors.clear()  # as above
	batch_form(screen, stored)
	screen.press("Download")
	dialog = screen.dialog()
	dialog.locator("[data-fieldname='file_format'] select").select_option("abo")
	for name in ("partner", "reference"):
		dialog.locator(f"input[data-unit='{name}']").check()
	screen.picture("payments-download")
	with screen.page.expect_download(timeout=SLOW) as download:
		screen.answer_yes()
	file = Path(download.value.path()).read_bytes()
	assert file.startswith(b"UHL1") and download.value.suggested_filename.endswith(".kpc")
	assert file.count(b" AV:Faktura ") == 8


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("width", [1280, 360])
def test_batches_in_two_widths_and_directions(
	screen_of: Callable[..., Any], world: Any, stored: str, parted: str, language: str, width: int
):
	world.admin.update("User", "Administrator", language=language)
	try:
		screen = screen_of(width, 800)
		screen.open("bank-api-payment-batch?state=Stored")  # the desk remembers what was filtered by before
		texts = shown_rows(screen)
		assert [text for text in texts if "11,332.36 CZK" in text], (
			"the amount is there on a narrow screen too"
		)
		assert screen.too_wide() == []
		screen.picture(f"payments-{language}-{width}")
		for name in (stored, parted):
			text = batch_form(screen, name)
			assert screen.too_wide() == []
			if language == "he":
				assert (
					screen.page.evaluate("() => document.documentElement.dir || document.body.dir") == "rtl"
				)
				assert HEBREW.search(text)
		screen.picture(f"payments-batch-{language}-{width}")
		screen.open(f"bank-api-payment?batch={stored}")
		assert len(shown_rows(screen)) == 8 and screen.too_wide() == []
	finally:
		world.admin.update("User", "Administrator", language="en")


# --- a large batch


@pytest.fixture(scope="session")
def large(company: Any) -> str:
	with patch.object(dev_web, "TIMEOUT", 600):
		return company.large(LARGE)


def timed(screen: Any, what: str, action: Callable[[], Any], condition: str) -> float:
	began = time.monotonic()
	action()
	screen.page.wait_for_function(condition, timeout=SLOW)
	spent = time.monotonic() - began
	print(f"{LARGE} payments: {what} {spent * 1000:.0f} ms")
	return spent


def narrow_down(screen: Any, fieldname: str, value: str) -> Callable[[], None]:
	return lambda: screen.fill(fieldname, value)


def test_a_large_batch_opens_scrolls_and_filters(screen: Any, large: str):
	spent = [
		timed(
			screen,
			"the form opens in",
			lambda: screen.form(BATCH, large),
			f"() => document.body.innerText.includes('{LARGE} × ')",
		),
		timed(
			screen,
			"the list opens in",
			lambda: screen.open(f"bank-api-payment?batch={large}"),
			"() => window.cur_list && cur_list.data.length === 20 && cur_list.data[0].number === 1",
		),
	]
	screen.picture("payments-large")
	pages = screen.page.locator(".list-paging-area:visible .btn-paging[data-value='500']")
	spent.append(
		timed(screen, "500 rows in", pages.click, "() => window.cur_list && cur_list.data.length === 500")
	)
	more = screen.page.locator(".list-paging-area:visible .btn-more")
	spent.append(
		timed(screen, "500 more in", more.click, "() => window.cur_list && cur_list.data.length === 1000")
	)
	for fieldname, value in (("variable_symbol", "20333333"), ("amount", "1287.01")):
		found = f"() => window.cur_list && cur_list.data.length && cur_list.data.every((row) => row.{fieldname}.includes('{value}'))"
		spent.append(timed(screen, f"by {fieldname} in", narrow_down(screen, fieldname, value), found))
		everything = "() => window.cur_list && cur_list.data.length >= 500"
		spent.append(timed(screen, "all again in", narrow_down(screen, fieldname, ""), everything))
	spent.append(
		timed(
			screen,
			"by account in",
			narrow_down(screen, "partner_account", "CZ9501000000001234567899"),
			"() => window.cur_list && cur_list.data.length > 1 && cur_list.data.every((row) => row.partner_shown === 'CZ95…7899')",
		)
	)
	spent.append(
		timed(
			screen,
			"by status in",
			lambda: screen.choose("status", "Rejected"),
			"() => window.cur_list && cur_list.data.length === 0",
		)
	)
	assert max(spent) < 60


def web_processes(world: Any) -> list[int]:
	"""The web server's processes."""
	first = world.stack["web"].pid
	found = [first]
	for stat in Path("/proc").glob("[0-9]*/stat"):
		try:
			parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
		except (OSError, IndexError):
			continue
		if parent == first:
			found.append(int(stat.parent.name))
	return found


def memory(process: int, name: str) -> int:
	status = Path(f"/proc/{process}/status").read_text()
	return int(re.search(rf"{name}:\s+(\d+)", status)[1]) * 1024


def fetched(caller: Any, path: str, **query: Any) -> int:
	"""Read an answer to its end and forget it; how many bytes it had."""
	request, size = Request(f"{caller.url}{path}?{urlencode(query)}", headers=caller.headers), 0
	with caller._opener.open(request, timeout=600) as answer:
		while piece := answer.read(65536):
			size += len(piece)
	return size


@pytest.mark.parametrize(("way", "key"), [("desk", "best_domestic"), ("desk", "abo"), ("api", "abo")])
def test_a_large_file_is_not_held_in_memory(
	world: Any, company: Any, stored: str, large: str, way: str, key: str
):
	caller, path, word = (
		(world.admin.caller, DOWNLOAD, "file_format")
		if way == "desk"
		else (company.api.caller, API_DOWNLOAD, "format")
	)
	for _ in range(8):  # every process has loaded what it needs
		fetched(caller, path, batch=stored, leave_out="reference,partner", **{word: key})
	processes = web_processes(world)
	for process in processes:
		Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak begins anew
	before = {process: memory(process, "VmRSS") for process in processes}
	began = time.monotonic()
	size = fetched(caller, path, batch=large, **{word: key})
	growth = max(memory(process, "VmHWM") - before[process] for process in processes)
	print(
		f"{way} {key}: {size / 1e6:.1f} MB in {time.monotonic() - began:.1f} s, memory grew by {growth / 1e6:.1f} MB"
	)
	assert size > LARGE * 60
	assert growth < max(size / 2, 12_000_000)
	assert growth < 1.5 * size


def test_a_large_batch_is_exported(world: Any, large: str):
	"""The desk's own export, of the columns that an admin picks."""
	columns = ["number", "amount", "currency", "partner_account", "variable_symbol", "status"]
	answer = wait_for(
		"the export",
		lambda: world.admin.caller.call(
			"POST",
			"/api/method/frappe.desk.reportview.export_query",
			{
				"doctype": PAYMENT,
				"file_format_type": "CSV",
				"title": PAYMENT,
				"fields": [f"`tab{PAYMENT}`.`{name}`" for name in columns],
				"filters": [[PAYMENT, "batch", "=", large], [PAYMENT, "number", "<=", 2000]],
				"order_by": f"`tab{PAYMENT}`.`number` asc",
				"view": "Report",
			},
		),
		60,
	)
	assert answer.status == 200, answer.text[:300]
	lines = answer.text.strip().splitlines()
	assert len(lines) == 2001 and "1287.01" in lines[1]
