"""Guided set-up of a provider: what has to be there before an end user can be sent to it."""

import frappe
from frappe import _

from bank_api.gateway.errors import NotConfigured

PROVIDER = "Bank API Provider"
# What a visit of an end user needs, by connector; the first that is empty is what is to be done next.
_NEEDED = {
	"quanto": (
		"client_secret",
		"transport_certificate_id",
		"signing_certificate_id",
		"credentials_registered_at",
	)
}


def require_ready(provider: str) -> None:
	"""Refuse to start what cannot work before the provider is set up.

	Args:
		provider: name of the Bank API Provider.

	Raises:
		NotConfigured: a step of the set-up is open.
	"""
	doc = frappe.get_cached_doc(PROVIDER, provider)
	for fieldname in _NEEDED.get(doc.connector, ()):
		if not doc.get(fieldname):
			label = _(doc.meta.get_label(fieldname))
			raise NotConfigured(
				_("The provider is not set up yet: {0} is missing. Its operator has to complete it.").format(
					label
				)
			)
