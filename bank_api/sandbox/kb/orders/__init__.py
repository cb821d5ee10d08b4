"""Readers of what a client sends: JSON, KM (ABO), SEPA XML, BEST. Code of the sandbox's own, enough to book from."""

from bank_api.sandbox.kb.orders import best, json_batch, km, sepa
from bank_api.sandbox.kb.orders.order import Order, Reading

JSON_FORMAT = "json"
READERS = {JSON_FORMAT: json_batch.read, "km": km.read, "sepaxml": sepa.read, "best": best.read}
# The content type says the format where the path does not (section 3.4).
CONTENT_TYPES = {
	"application/json": JSON_FORMAT,
	"text/plain": "km",
	"application/xml": "sepaxml",
	"text/xml": "sepaxml",
}

__all__ = ["CONTENT_TYPES", "JSON_FORMAT", "READERS", "Order", "Reading"]
