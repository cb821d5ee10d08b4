"""Items with as many transactions as wanted, at the sandbox and in the gateway, for benchmarks of the sync."""

import json
import os
import secrets
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bank_api.sandbox.client import SandboxControl

TIMEOUT = 1800


@dataclass
class Sync:
	"""What one job did: its seconds, the item's stored rows after it, its process's peak memory in MB."""

	seconds: float
	rows: int
	peak_mb: float


class Bank:
	"""The sandbox and a client of the gateway, without rate limits, with the workers stopped.

	Args:
		stack: a `dev.stack.Stack` with a sandbox.
	"""

	def __init__(self, stack: Any):
		import frappe

		self.stack = stack
		self.frappe = frappe
		self.control = SandboxControl(stack.sandbox_url)
		self.control.switches(rate_limits=False)
		os.chdir(stack.bench.sites_path)  # Frappe's logs are named relative to it
		frappe.init(stack.site, sites_path=str(stack.bench.sites_path))
		frappe.connect()
		frappe.set_user("Administrator")
		from dev import seeding

		self.provider = seeding.provider(
			f"Sync {secrets.token_hex(3)}",
			api_version="2025-01-15",
			api_base_url=stack.sandbox_url,
			client_id="sandbox_id_demo",
			client_secret="sandbox_secret_demo",
			app_calls_per_5_minutes=0,
			user_calls_per_minute=0,
			token_calls_per_minute=0,
		)
		self.client = seeding.Tenant.new(self.provider).name

	def item(self, transactions: int) -> str:
		"""A new connection with so many transactions, not synced yet; name of the Bank API Item."""
		from bank_api.gateway import end_users, items, providers, tokens

		end_user = end_users.ensure(self.client, self.provider, secrets.token_hex(4))
		external = self.frappe.db.get_value("Bank API End User", end_user, "external_user_id")
		made = self.control.add_item(external, transactions=transactions)
		connector = providers.connector(self.provider)
		state = tokens.with_token(end_user, lambda token: connector.item(token, str(made["item_id"])))
		item = items.upsert(self.provider, end_user, state)
		self.frappe.db.commit()
		return item

	def sync(self, item: str) -> Sync:
		"""Sync an item in a process of its own.

		Raises:
			AssertionError: the sync failed.
		"""
		bench = self.stack.bench
		done = subprocess.run(
			[str(bench.python), "-m", "benchmarks.sync_once", self.stack.site, item],
			cwd=bench.sites_path,
			env=bench.environment(),
			capture_output=True,
			text=True,
			timeout=TIMEOUT,
		)
		if done.returncode:
			raise AssertionError(done.stderr[-2000:])
		result = json.loads(done.stdout.splitlines()[-1])
		if error := result.pop("error"):
			raise AssertionError(f"the sync failed: {error}")
		return Sync(**result)

	def close(self) -> None:
		"""Put the limits back."""
		self.control.switches(rate_limits=True)
		self.frappe.destroy()


@contextmanager
def bank_of(stack: Any):
	"""A `Bank` whose site has no worker running meanwhile."""
	workers = [name for name in stack.processes if name.startswith("worker")]
	for name in workers:
		stack[name].stop()
	bank = Bank(stack)
	try:
		yield bank
	finally:
		bank.close()
		for name in workers:
			stack.restart(name)
