"""How tests look for secrets: what a private key leaves behind in clear, and the doors through which it might get out."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization

DOCTYPE = "Bank API Certificate"


def traces(key_pem: str) -> list[bytes]:
	"""What must be found nowhere in clear: lines of a key's PEM forms that hold no public part, and its numbers."""
	key = serialization.load_pem_private_key(key_pem.encode(), None)
	public_lines = 2 + (key.key_size // 8 + 60) // 48
	found: list[bytes] = [b"PRIVATE KEY"]
	for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
		text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
		found += text.splitlines()[public_lines:-2]
	numbers = key.private_numbers()
	for number in (numbers.d, numbers.p, numbers.q):
		raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
		found += [
			str(number).encode(),
			f"{number:x}".encode(),
			f"{number:X}".encode(),
			raw,
			str(raw)[2:40].encode(),
		]
	return found


def found(secrets: list[bytes], text: bytes) -> list[bytes]:
	"""The beginnings of those secrets that stand in a text."""
	return [secret[:12] + b"..." for secret in secrets if secret in text]


def asks(name: str) -> list[tuple[str, str, Any]]:
	"""Every door of the framework that hands out documents."""
	call, path = "/api/method/", f"/api/resource/{quote(DOCTYPE)}"
	listed = {"doctype": DOCTYPE, "fields": json.dumps(["*"]), "filters": json.dumps({"name": name})}
	chosen = {**listed, "fields": json.dumps(["name", "private_key"])}
	report = {
		**listed,
		"fields": json.dumps([f"`tab{DOCTYPE}`.`name`", f"`tab{DOCTYPE}`.`private_key`"]),
		"filters": json.dumps([[DOCTYPE, "name", "=", name]]),
		"start": 0,
		"page_length": 20,
		"view": "Report",
	}
	export = {**report, "title": "x", "file_format_type": "CSV", "start": None}
	return [
		("GET", f"{path}/{quote(name)}", None),
		("GET", f'{path}?fields=["*"]&filters=[["name","=","{quote(name)}"]]', None),
		("GET", f'{path}?fields=["name","private_key"]&filters=[["name","=","{quote(name)}"]]', None),
		("PUT", f"{path}/{quote(name)}", {"roots": ""}),
		("GET", f"{call}frappe.desk.form.load.getdoc?doctype={quote(DOCTYPE)}&name={quote(name)}", None),
		("GET", f"{call}frappe.desk.form.load.get_docinfo?doctype={quote(DOCTYPE)}&name={quote(name)}", None),
		("POST", f"{call}frappe.client.get", {"doctype": DOCTYPE, "name": name}),
		("POST", f"{call}frappe.client.get_list", listed),
		("POST", f"{call}frappe.client.get_list", chosen),
		(
			"POST",
			f"{call}frappe.client.get_value",
			{"doctype": DOCTYPE, "filters": name, "fieldname": "private_key"},
		),
		("POST", f"{call}frappe.desk.reportview.get", report),
		("POST", f"{call}frappe.desk.reportview.export_query", export),
		("POST", f"{call}run_doc_method", {"dt": DOCTYPE, "dn": name, "method": "check_now"}),
		("GET", f"/printview?doctype={quote(DOCTYPE)}&name={quote(name)}", None),
	]


def statuses(bench: Any, path: str) -> tuple[int, ...]:
	"""What an answer to one of `asks` may be.

	A print view is drawn with bundles that only a bench with a desk has; without them its error page is searched.
	"""
	drawn = "/printview" not in path or "print.bundle.css" in _bundles(bench)
	return (200,) if drawn else (200, 500)


def _bundles(bench: Any) -> dict[str, str]:
	known = Path(bench.sites_path) / "assets" / "assets.json"
	return json.loads(known.read_text()) if known.exists() else {}
