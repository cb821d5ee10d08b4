"""Every sentence that a person can meet is there in every language of the app, and fits its original."""

import ast
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bank_api.payments.findings import MESSAGES

APP = Path(__file__).resolve().parents[2] / "bank_api"
LANGUAGES = ("fr", "cs", "pt-BR", "he")
# The sentences of these connector errors are kept in what the caller reads (gateway/errors.py, from_provider).
TRANSLATING_CALLS = ("_", "InvalidRequest", "Unsupported")
# Groups of permissions are made by it: key, category, label, permissions. People are shown the second and third.
GROUP_CALL = "_group"
# What a connector says that a human has to do (`ConsentConnector.advice`).
ADVICE = "_ADVICE"
# What is done is written into the log in a few words, which the desk shows: the calls that write it, and what else they are given.
LOG_CALLS = ("record", "note", "_carry_out")
LOG_WORDS = re.compile(r"[A-Z][\w-]*( [A-Z][\w-]*| for| of| Was)+", re.ASCII)
LOG_TABLES = ("consent_grant.py", "sharing_actions.py")
PLACEHOLDER = re.compile(r"\{[a-z_0-9]*\}")
PRODUCT_NAMES = {"Bank API"}
JS_CALL = re.compile(r"""\b__\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`$]*`)""")
JINJA_CALL = re.compile(r"""\b_\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
UNTRANSLATED_OPTIONS = re.compile(
	r"[\d.-]+|bridge|quanto|kb|abo|pain001_\d+|JSON|RSA \d+|P-256|[a-z]+_[a-z]+|(rsa|ecdsa)-sha\d+|SHA-\d+|PSU-[A-Za-z-]+|rfc\d+|ICP-Brasil|openssl|raw"
)
SHOWN_KEYS = ("label", "description", "title", "chart_name", "card_name", "shortcut_name", "number_card_name")


def python_sentences(path: Path) -> Iterator[str]:
	"""First arguments of `_()` and `frappe._()`, and the sentences of connector errors, which are shown too."""
	for node in ast.walk(ast.parse(path.read_text())):
		if isinstance(node, ast.Tuple):
			yield from table_sentences(node)
		if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == ADVICE:
			yield node.value.value
		if not isinstance(node, ast.Call) or not node.args:
			continue
		name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
		first = node.args[0]
		if name in TRANSLATING_CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
			yield first.value
		if name == GROUP_CALL:
			yield from (one.value for one in node.args[1:3] if isinstance(one, ast.Constant))


def log_sentences(path: Path) -> Iterator[str]:
	"""The names of what is logged."""
	for node in ast.walk(ast.parse(path.read_text())):
		if isinstance(node, ast.Call):
			name = getattr(node.func, "attr", getattr(node.func, "id", ""))
			given = node.args if name in LOG_CALLS else []
		else:
			given = [node] if path.name in LOG_TABLES else []
		for one in given:
			if (
				isinstance(one, ast.Constant)
				and isinstance(one.value, str)
				and LOG_WORDS.fullmatch(one.value)
			):
				yield one.value


def table_sentences(row: ast.Tuple) -> Iterator[str]:
	"""A row such as `(InvalidRequest, "A sentence.")` of a connector's table of refusals."""
	if len(row.elts) != 2 or getattr(row.elts[0], "id", "") not in TRANSLATING_CALLS:
		return
	second = row.elts[1]
	if isinstance(second, ast.Constant) and isinstance(second.value, str):
		yield second.value


def script_sentences(path: Path) -> Iterator[str]:
	for match in JS_CALL.finditer(path.read_text()):
		yield match[1][1:-1] if match[1][0] == "`" else ast.literal_eval(match[1])


def template_sentences(path: Path) -> Iterator[str]:
	for match in JINJA_CALL.finditer(path.read_text()):
		yield ast.literal_eval(match[1])


def doctype_sentences(record: dict) -> Iterator[str]:
	yield record["name"]
	yield record.get("description") or ""
	for link in record.get("links", []):
		yield link["group"]
	for field in record["fields"]:
		yield field.get("label") or ""
		yield field.get("description") or ""
		if field["fieldtype"] == "Select":
			yield from (
				option
				for option in field["options"].split("\n")
				if not UNTRANSLATED_OPTIONS.fullmatch(option)
			)


def workspace_sentences(record: dict) -> Iterator[str]:
	yield record["title"]
	for table in ("charts", "links", "number_cards", "shortcuts"):
		for row in record[table]:
			yield row["label"]
	for block in json.loads(record["content"]):
		yield re.sub(r"<[^>]+>", "", block["data"].get("text", ""))


def batch_states() -> list[str]:
	"""Each step of a batch is logged by its name."""
	path = APP / "bank_api" / "doctype" / "bank_api_payment_batch" / "bank_api_payment_batch.json"
	fields = json.loads(path.read_text())["fields"]
	return next(field["options"] for field in fields if field["fieldname"] == "state").split("\n")


def record_sentences(path: Path) -> Iterator[str]:
	record = json.loads(path.read_text())
	kind = record.get("doctype") if isinstance(record, dict) else None
	if kind == "DocType":
		yield from doctype_sentences(record)
	elif kind == "Workspace":
		yield from workspace_sentences(record)
	elif kind == "Number Card":
		yield record["label"]
	elif kind == "Dashboard Chart":
		yield record["chart_name"]


READERS = {
	".py": python_sentences,
	".js": script_sentences,
	".html": template_sentences,
	".json": record_sentences,
}


def sentences() -> dict[str, str]:
	"""Every sentence with the file in which it was first met."""
	found = dict.fromkeys(MESSAGES.values(), "payments/findings.py")
	for path in sorted(APP.glob("**/*.py")):
		if "sandbox" not in path.relative_to(APP).parts:
			found |= dict.fromkeys(log_sentences(path), str(path.relative_to(APP)))
	found |= {f"Payment Batch {state}": "gateway/payment_states.py" for state in batch_states()}
	for path in sorted(APP.rglob("*")):
		reader = READERS.get(path.suffix)
		if reader is None or {"sandbox", "node_modules", "dist"} & set(path.relative_to(APP).parts):
			continue
		for sentence in reader(path):
			if sentence:
				found.setdefault(sentence, str(path.relative_to(APP)))
	return found


def translations(language: str) -> dict[str, str]:
	with (APP / "translations" / f"{language}.csv").open(newline="", encoding="utf-8") as file:
		rows = list(csv.reader(file))
	assert all(len(row) in (2, 3) for row in rows), "each line is source, translation and perhaps a context"
	assert len({row[0] for row in rows}) == len(rows), "a source appears twice"
	return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language):
	known = translations(language)
	missing = {sentence: where for sentence, where in sentences().items() if not known.get(sentence)}
	assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_left_over(language):
	assert set(translations(language)) - set(sentences()) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_white_space_survive(language):
	for source, translation in translations(language).items():
		assert sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(translation)), source
		assert translation == translation.strip(), source
		assert "<" not in translation or "<" in source, source


def test_hebrew_is_written_in_hebrew_letters():
	for source, translation in translations("he").items():
		if source in PRODUCT_NAMES:
			continue
		if re.search(r"[a-z]{3}", source):
			assert re.search(r"[\u0590-\u05ff]", translation), source


def test_sentences_stand_alone():
	"""A sentence cut into pieces, or one with white space at its ends, cannot be translated well."""
	assert [sentence for sentence in sentences() if sentence != sentence.strip()] == []
