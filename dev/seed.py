"""A provider and a client site as an admin would set them up in the desk, over HTTP."""

from typing import Any

from dev.stack import Stack
from dev.web import Admin

WEBHOOK_SECRET = "sandbox_webhook_secret"
CLIENT_ID = "sandbox_id_demo"
CLIENT_SECRET = "sandbox_secret_demo"


class Setup:
	"""The admin's part.

	Args:
		gateway: address of the gateway.
		sandbox: address of the simulated providers.
	"""

	def __init__(self, gateway: str, sandbox: str):
		self.admin = Admin(gateway)
		self.sandbox = sandbox
		self.admin.update("Bank API Settings", "Bank API Settings", public_url=gateway)

	def provider(self, name: str, api_version: str, **values: Any) -> dict[str, Any]:
		"""A Bridge provider that speaks to the sandbox."""
		defaults = {
			"connector": "bridge",
			"environment": "Sandbox",
			"api_base_url": self.sandbox,
			"client_id": CLIENT_ID,
			"client_secret": CLIENT_SECRET,
			"webhook_secret": WEBHOOK_SECRET,
		}
		return self.admin.insert(
			"Bank API Provider", provider_name=name, api_version=api_version, **(defaults | values)
		)

	def client(self, site: str, base_url: str, webhook_url: str | None, *providers: str) -> dict[str, str]:
		"""A client site; its key pair and webhook secret, which are shown this once."""
		self.admin.insert(
			"Bank API Client",
			site=site,
			client_name=site,
			base_url=base_url,
			webhook_url=webhook_url,
			allowed_providers=[{"provider": provider} for provider in providers],
		)
		return self.admin.press("Bank API Client", site, "create_key_pair")


def main(stack: Stack) -> dict[str, Any]:
	"""What `make serve` sets up: both versions of Bridge, and one client site with keys."""
	stack.bench.set_site_config(stack.site, bank_api_allow_http=1, bank_api_allow_private_webhooks=1)
	setup = Setup(stack.url, stack.sandbox_url)
	names = [setup.provider(f"Bridge {version}", version)["name"] for version in ("2025-01-15", "2021-06-01")]
	keys = setup.client("shop.example.com", stack.url, None, *names)
	return keys | {
		"example": "bank_api.bridge.get_category",
		"notes": [f"the key is that of the client shop.example.com, which may use {' and '.join(names)}"],
	}
