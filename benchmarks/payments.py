"""Writing 10,000 payments: pain.001 against `sepaxml`, ABO against writing the same bytes.

Both start from a batch that has been validated, as every batch is before it is written; what a format cannot carry is
looked for within the measured time. `sepaxml` is measured without its validation against the schema, which alone takes
longer than everything else. The rival of ABO has the file's lines ready as bytes and only writes them, one by one.
"""

import random
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bank_api.payments import soundness
from bank_api.payments.accounts import czech_iban, mod_11
from bank_api.payments.formats import Abo, Format, Pain001
from bank_api.payments.model import Batch, Envelope, Party, Payment, Scheme
from benchmarks.common import alternate

COUNT = 10_000
REPETITIONS = 25
OWN = "CZ0401000000191000000005"
DUE = date(2026, 9, 9)
ENVELOPE = Envelope(reference="BENCHMARK-1", sender="Firma s.r.o.", created=datetime(2026, 9, 8))


def run(_: Any) -> dict[str, float]:
	"""Measure; nothing of the stack is needed.

	Returns:
		`pain001_vs_sepaxml`: how many times faster; `abo_vs_bytes`: how many times slower; and the times.
	"""
	sepa, domestic = _sepa(), _domestic()
	soundness.require(sepa)
	soundness.require(domestic)
	with tempfile.TemporaryDirectory() as name:
		folder = Path(name)
		ours, theirs = alternate(
			lambda: _seconds(lambda: _write(Pain001(), sepa, folder / "ours.xml")),
			lambda: _sepaxml(sepa, folder / "theirs.xml"),
			3,
		)
		_write(Abo(), domestic, folder / "first.kpc")
		lines = (folder / "first.kpc").read_bytes().splitlines(keepends=True)
		abo, bare = alternate(
			lambda: _seconds(lambda: _write(Abo(), domestic, folder / "ours.kpc")),
			lambda: _seconds(lambda: _write_lines(lines, folder / "same.kpc")),
			REPETITIONS,
		)
		if (folder / "same.kpc").read_bytes()[80:] != (folder / "ours.kpc").read_bytes()[80:]:
			raise AssertionError("the rival has not written the same bytes")
	return {
		"pain001_vs_sepaxml": round(theirs / ours, 1),
		"pain001_ms_10k": round(ours * 1000, 1),
		"sepaxml_ms_10k": round(theirs * 1000, 1),
		"abo_vs_bytes": round(abo / bare, 2),
		"abo_ms_10k": round(abo * 1000, 2),
		"abo_bytes_ms_10k": round(bare * 1000, 2),
	}


def _seconds(call: Callable[[], object]) -> float:
	began = time.perf_counter()
	call()
	return time.perf_counter() - began


def _write(format: Format, batch: Batch, path: Path) -> None:
	with path.open("wb") as file:
		for chunk in format.chunks(batch, ENVELOPE):
			file.write(chunk)


def _write_lines(lines: list[bytes], path: Path) -> None:
	with path.open("wb") as file:
		for line in lines:
			file.write(line)


def _sepaxml(batch: Batch, path: Path) -> float:
	from sepaxml import SepaTransfer

	rows = [
		{
			"name": payment.partner.name if payment.partner else "",
			"IBAN": payment.partner_account,
			"amount": int(payment.amount.scaleb(2)),
			"execution_date": payment.due,
			"description": payment.message,
			"endtoend_id": payment.end_to_end_id,
		}
		for payment in batch.payments
	]
	config = {"name": "Firma s.r.o.", "IBAN": OWN, "BIC": "KOMBCZPP", "batch": True, "currency": "EUR"}
	began = time.perf_counter()
	transfer = SepaTransfer(config, schema="pain.001.001.03", clean=False)
	for row in rows:
		transfer.add_payment(row)
	path.write_bytes(transfer.export(validate=False))
	return time.perf_counter() - began


def _domestic() -> Batch:
	rng = random.Random(1)
	return Batch(
		tuple(
			Payment(
				account=OWN,
				partner_account=czech_iban("000000", _base(rng), rng.choice(("0300", "0800", "2010"))),
				amount=Decimal(rng.randrange(1, 10**8)).scaleb(-2),
				due=DUE,
				variable_symbol=str(rng.randrange(1, 10**10)),
				constant_symbol="308",
				message=f"Faktura {number:06d}",
			)
			for number in range(COUNT)
		)
	)


def _sepa() -> Batch:
	rng = random.Random(2)
	return Batch(
		tuple(
			Payment(
				account=OWN,
				partner_account=czech_iban("000000", _base(rng), "0800"),
				amount=Decimal(rng.randrange(1, 10**8)).scaleb(-2),
				due=DUE,
				currency="EUR",
				scheme=Scheme.SEPA,
				owner=Party("Firma s.r.o."),
				partner=Party(f"Supplier {number}"),
				message=f"Invoice {number:06d}",
				end_to_end_id=f"E-{number}",
			)
			for number in range(COUNT)
		)
	)


def _base(rng: random.Random) -> str:
	while not mod_11(digits := f"{rng.randrange(10, 10**10):010d}"):
		pass
	return digits
