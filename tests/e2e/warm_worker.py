"""A stock worker that has the app's modules loaded already, so that the fork for each job starts at once."""

from frappe.utils.background_jobs import start_worker

from bank_api.gateway import delivery, sync_job

assert delivery and sync_job, "they are loaded for the forks"
start_worker(queue="long,default,short")
