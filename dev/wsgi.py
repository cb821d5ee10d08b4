"""The framework's WSGI application for one site, with what nginx serves in production: assets and public files."""

import os

from frappe.app import application as framework
from werkzeug.middleware.shared_data import SharedDataMiddleware

SITES = os.environ["SITES_PATH"]
SITE = os.environ["BANK_API_SITE"]


def one_site(environ, start_response):
	"""Serve `BANK_API_SITE` whatever name the caller used for this machine."""
	environ["HTTP_X_FRAPPE_SITE_NAME"] = SITE
	return framework(environ, start_response)


application = SharedDataMiddleware(
	one_site,
	{"/assets": os.path.join(SITES, "assets"), "/files": os.path.join(SITES, SITE, "public", "files")},
	cache_timeout=3600,
)
