"""Statements of KB's accounts in the format KM, which others call GPC (kb_batch.md, 5.2)."""
