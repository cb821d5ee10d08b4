"""Submits a batch as a process of its own that is killed at a step; run with the bench's python: `SITE USER KEY STEP DAY`."""

import os
import signal
import sys

import fake_payments
import frappe
import payer

if __name__ == "__main__":
	site, user, key, step, day = sys.argv[1:]
	frappe.init(site, sites_path=".")
	frappe.connect()
	frappe.set_user(user)

	from bank_api.connectors import registry
	from bank_api.gateway import durable

	registry.CONNECTORS["kb"] = fake_payments.FakePaymentConnector
	durable.mark = lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached == step else None
	payer.submit(key, execution_date=day)
	frappe.destroy()
