"""The file formats of payment batches, each written and read.

```python
from bank_api.payments import formats

content = formats.write(formats.Abo(), batch, Envelope(sender="FIRMA SRO"))
reading = formats.Abo().read(content, formats.Trust(digest=digest(batch)))
```
"""

from bank_api.payments.formats.abo import Abo
from bank_api.payments.formats.base import Format, Reading, Trust, write

__all__ = ["Abo", "Format", "Reading", "Trust", "write"]
