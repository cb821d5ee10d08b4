"""The file formats of payment batches, each written and read.

```python
from bank_api.payments import formats

content = formats.write(formats.Abo(), batch, Envelope(sender="FIRMA SRO"))
reading = formats.Abo().read(content, formats.Trust(digest=digest(batch)))
```
"""

from bank_api.payments.formats.abo import Abo
from bank_api.payments.formats.base import Format, Reading, Trust, write
from bank_api.payments.formats.best_domestic import BestDomestic
from bank_api.payments.formats.best_foreign import BestForeign
from bank_api.payments.formats.kb_json import KbJson
from bank_api.payments.formats.pain001 import Pain001

FORMATS: dict[str, Format] = {
	one.key: one for one in (KbJson(), Abo(), BestDomestic(), BestForeign(), Pain001("03"), Pain001("09"))
}
"""The formats as KB takes them, by key."""


def detect(content: bytes) -> Format | None:
	"""The format that a file looks like; None if it looks like none. Whether it is one, its reader says."""
	start = content[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
	if start.startswith(b"UHL1"):
		return FORMATS["abo"]
	if start.startswith(b"HI"):
		first = content[:1024].splitlines()[0]
		return FORMATS["best_domestic" if len(first) <= BestDomestic.length else "best_foreign"]
	if start.startswith(b"{"):
		return FORMATS["kb_json"]
	return FORMATS["pain001_03"] if start.startswith(b"<") else None


__all__ = [
	"FORMATS",
	"Abo",
	"BestDomestic",
	"BestForeign",
	"Format",
	"KbJson",
	"Pain001",
	"Reading",
	"Trust",
	"detect",
	"write",
]
