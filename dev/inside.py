"""Steps that need Frappe itself: `env/bin/python -m dev.inside STEP SITE`, run in `sites/`."""

import argparse
import contextlib
import inspect
import time

import frappe
import frappe.utils

SCHEDULER_SECONDS = 60


def prepare() -> None:
	"""Finish the set-up wizard's work, so that the desk opens on its home page."""
	settings = {"setup_complete": 1, "language": "en", "time_zone": "Europe/Paris", "country": "France"}
	meta = frappe.get_meta("System Settings")
	for field, value in settings.items():
		if meta.has_field(field):
			frappe.db.set_single_value("System Settings", field, value, update_modified=False)
			frappe.db.set_default(field, value)  # where the desk reads it from
	frappe.db.set_default("desktop:home_page", "workspace")
	frappe.db.set_default("setup_complete", 1)
	complete_apps()


def complete_apps() -> None:
	"""Later frameworks keep the wizard's state per app."""
	if frappe.get_meta("Installed Application").has_field("is_setup_complete"):
		frappe.db.sql("update `tabInstalled Application` set is_setup_complete = 1")


def finish(scheduler: bool) -> None:
	"""After the app's installation: the scheduler as asked, and no jobs left of an earlier site of this name."""
	frappe.db.set_single_value("System Settings", "enable_scheduler", int(scheduler))
	complete_apps()
	rare_jobs_have_run()
	# A site that nobody ever logged in to counts as dormant, and its scheduler runs once a day only.
	frappe.get_doc(
		doctype="Activity Log", subject="Logged in", user="Administrator", operation="Login", status="Success"
	).insert(ignore_permissions=True)
	frappe.db.commit()
	frappe.clear_cache()
	with contextlib.suppress(Exception):
		purge_jobs(frappe.local.site)


def rare_jobs_have_run() -> None:
	"""On a new site every job is due at once: fifty of the framework's, for which the first of ours would have to wait."""
	frappe.db.sql(
		"update `tabScheduled Job Type` set last_execution = %s where not (method like %s and frequency = 'Cron')",
		(frappe.utils.now_datetime(), "bank_api.%"),
	)


def later() -> None:
	"""Eleven minutes pass for the batches of which nobody knows whether the bank has them: a human may decide."""
	frappe.db.sql(
		"""update `tabBank API Payment Batch` set sent_at = sent_at - interval 11 minute
		where state = 'Unknown' and sent_at is not null"""
	)


def tick() -> None:
	"""One turn of the scheduler."""
	from frappe.utils.scheduler import enqueue_events

	# Frappe 16 takes the site from the connection.
	named = "site" in inspect.signature(enqueue_events).parameters
	enqueue_events(**({"site": frappe.local.site} if named else {}))


def schedule(site: str) -> None:
	"""The scheduler of one site, for ever. The framework's own would run the jobs of every other site of the bench too."""
	from frappe.utils.scheduler import is_scheduler_inactive

	while True:
		time.sleep(SCHEDULER_SECONDS)
		frappe.init(site)
		try:
			frappe.connect()
			if not is_scheduler_inactive():
				tick()
				frappe.db.commit()
		except Exception as error:
			print(f"no turn of the scheduler: {error!r}", flush=True)
		finally:
			frappe.destroy()


def purge_jobs(site: str) -> None:
	"""Take a site's jobs out of the queues: nobody waits for them."""
	from frappe.utils.background_jobs import get_queues

	for queue in get_queues():
		for job in queue.get_jobs():
			if (job.kwargs or {}).get("site") == site:
				job.delete()


def main() -> None:
	"""Run one step."""
	parser = argparse.ArgumentParser()
	parser.add_argument("step", choices=["prepare", "finish", "tick", "purge", "later", "schedule"])
	parser.add_argument("site")
	parser.add_argument("--scheduler", action="store_true")
	arguments = parser.parse_args()
	if arguments.step == "schedule":
		schedule(arguments.site)
	frappe.init(arguments.site)
	frappe.connect()
	try:
		site = arguments.site
		steps = {
			"prepare": prepare,
			"finish": lambda: finish(arguments.scheduler),
			"tick": tick,
			"later": later,
			"purge": lambda: purge_jobs(site),
		}
		steps[arguments.step]()
		frappe.db.commit()
	finally:
		frappe.destroy()


if __name__ == "__main__":
	main()
