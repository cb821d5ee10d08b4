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
	"write",
]
