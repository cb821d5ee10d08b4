"""KB (Komerční banka), simulated: registration, CAAS, batch payments, accounts, statements, and the bank's channel.

Sections in docstrings are those of ``protocols/kb_batch.md``.
"""
