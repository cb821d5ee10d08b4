"""Komerční banka (Czechia): batches of payments (BATCHDA), accounts (ADAA), CAAS, registration.

Numbers in docstrings are sections of the protocol file `kb_batch.md`.
"""

from bank_api.connectors.kb.connector import KbConnector as connector

__all__ = ["connector"]
