"""A batch as a file that is sent in pieces."""

import frappe
from werkzeug.wrappers import Response

from bank_api.gateway import arguments, payment_files
from bank_api.gateway.errors import InvalidPayments
from bank_api.gateway.payment_errors import of_findings
from bank_api.payments.findings import PaymentsError


def stream(row: frappe._dict, file_format: str | None, leave_out: list | str | None) -> Response:
	"""The file, proved to be what was approved before its first byte leaves.

	Args:
		row: a whole batch.
		file_format: name of the format.
		leave_out: fields that may be lost.

	Raises:
		InvalidPayments: the format cannot carry the batch, or what is stored is not what was approved.
		BadArgument: there is no such format.
	"""
	name = payment_files.key(file_format or row.send_as)
	fields = payment_files.omitted(arguments.words("leave_out", leave_out))
	try:
		pieces, facts = payment_files.download(row, name, fields)
	except PaymentsError as error:
		raise InvalidPayments(of_findings(error.findings)) from None
	response = Response(pieces, content_type=facts["media_type"])
	response.headers["Content-Disposition"] = f'attachment; filename="{facts["name"]}"'
	response.headers["X-Payments-Digest"] = facts["digest"]
	return response
