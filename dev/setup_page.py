"""The guided set-up of a provider, done as an admin does it on its page in the desk, over HTTP."""

import json
from typing import TYPE_CHECKING, Any

from dev.errors import DevError

if TYPE_CHECKING:
	from dev.seed import Setup

PAGE = "/api/method/bank_api.bank_api.page.bank_api_setup.bank_api_setup"


class SetUpPage:
	"""The page of one provider.

	Args:
		setup: the admin.
		provider: name of the Bank API Provider.
	"""

	def __init__(self, setup: "Setup", provider: str):
		self.setup = setup
		self.provider = provider

	def steps(self) -> dict[str, dict[str, Any]]:
		"""The steps as the page shows them, by key."""
		return _by_key(self._call("get_steps", provider=self.provider))

	def run(self, step: str, action: str, **values: Any) -> dict[str, dict[str, Any]]:
		"""Fill in a step's form and press its button; the steps as they are then."""
		return _by_key(self.press(step, action, **values))

	def press(self, step: str, action: str, **values: Any) -> dict[str, Any]:
		"""Fill in a step's form and press its button; the page's whole answer."""
		return self._call(
			"run_step", provider=self.provider, step=step, action=action, secret=json.dumps(values)
		)

	def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
		answer = self.setup.admin.caller.call("POST", f"{PAGE}.{method}", arguments)
		if answer.status != 200:
			raise DevError(f"{method} of the set-up page answered {answer.status}: {answer.text[:600]}")
		return answer.json()["message"]

	def done(self, step: str, action: str, **values: Any) -> str:
		"""Press a button after which the step has to be done; what the page tells then.

		Raises:
			DevError: the step is not done.
		"""
		shown = self.run(step, action, **values)[step]
		if shown["state"] != "done":
			raise DevError(f"the step {step} is {shown['state']}: {shown['reason']}")
		return ", ".join(
			f"{fact['label']} {fact['value']}" for fact in shown["facts"] if not fact["filename"]
		)


def _by_key(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
	return {step["key"]: step for step in answer["steps"]}
