"""The framework's WSGI application for one site, with what nginx serves in production: assets and public files."""

import os

from frappe.app import application as framework
from werkzeug.middleware.shared_data import SharedDataMiddleware

SITES = os.environ["SITES_PATH"]
SITE = os.environ["BANK_API_SITE"]


def one_site(environ, start_response):
	"""Serve `BANK_API_SITE` whatever name the caller used for this machine."""
	if environ["PATH_INFO"].startswith("/socket.io"):  # realtime events need a server of their own: none here
		start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
		return [b""]
	environ["HTTP_X_FRAPPE_SITE_NAME"] = SITE
	return framework(environ, start_response)


application = SharedDataMiddleware(
	one_site,
	{"/assets": os.path.join(SITES, "assets"), "/files": os.path.join(SITES, SITE, "public", "files")},
	cache_timeout=3600,
)
