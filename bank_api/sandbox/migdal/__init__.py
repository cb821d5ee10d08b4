"""The Migdal group's portal, simulated: Berlin Group consents, OAuth and loans over mutual TLS.

Facts and their confidence: protocols/berlin_group_migdal.md; what is open there is a switch here (switches.py).
"""
