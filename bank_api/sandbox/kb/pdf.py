"""The smallest PDF that shows an account's month."""

from collections.abc import Sequence

from bank_api.sandbox.data import cents
from bank_api.sandbox.kb.model import Account, Entry


def statement_pdf(account: Account, month: str, lines: Sequence[Entry]) -> bytes:
	"""Write a statement of one page.

	Args:
		account: Whose it is.
		month: ``2026-10``.
		lines: What was booked in it.

	Returns:
		The file.
	"""
	rows = [f"KB {account.iban} {account.currency}, {month}: {len(lines)} items, sum"]
	rows.append(cents(sum(entry.amount for entry in lines)))
	rows += [f"{entry.day} {cents(entry.amount)}" for entry in lines[:50]]
	shown = " T* ".join(f"({row}) Tj" for row in rows)
	content = f"BT /F1 10 Tf 14 TL 40 800 Td {shown} ET".encode("latin-1")
	objects = [
		b"<</Type/Catalog/Pages 2 0 R>>",
		b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
		b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	]
	found, places = bytearray(b"%PDF-1.4\n"), []
	for number, text in enumerate(objects, start=1):
		places.append(len(found))
		found += b"%d 0 obj%sendobj\n" % (number, text)
	table = len(found)
	found += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
	found += b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % table
	return bytes(found)
