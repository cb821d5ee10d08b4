"""The embedded bench: a genuine Frappe with its servers, behind the Make targets.

`python3 -m dev help` lists the commands. Everything that builds the bench runs on the system's Python
with its standard library only; `dev.inside`, `dev.pytest_plugin` and `dev.wsgi` run on the bench's.
"""
