"""Payment batches without a framework: one model, its rules, and the file formats that carry it.

`model` is what the bank is to do; `validation` says what speaks against it; `formats` writes and reads it as KB JSON,
ABO (KM), BEST and pain.001; `digest` names it; `splitting` cuts it; `statements` reads GPC statements.
docs/payments.md is the guide.
"""
