"""Quanto TSP, simulated, with two Open Finance Brasil banks behind it.

Sections named in this package are those of the protocol file ``quanto_ofb.md``.
"""
