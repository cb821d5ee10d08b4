"""The providers, simulated: real HTTP, real signatures, real state (DESIGN.md, Sandbox).

Run it with ``python -m bank_api.sandbox --port 8765``; README.md beside this file documents the command,
the control API and every switch. Nothing here imports Frappe, and nothing here imports bank_api.connectors:
a simulator and a client that share code share their mistakes.
"""
