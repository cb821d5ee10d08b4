"""bank_api: a self-hosted open-banking gateway for ERP sites, as a Frappe app."""

__version__ = "0.1.0"
