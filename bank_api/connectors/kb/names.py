"""Every name of KB's interfaces that is a guess, was not found, or is seen in two forms: paths, headers, fields, codes.

The defaults are the protocol file's (kb_batch.md, 2.2, 3.1 to 3.4). Once a real name is known, it is put into the provider
record as a line `name.<key> = value`, and no code changes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bank_api.connectors import name_table
from bank_api.connectors.errors import ConfigurationError

PREFIX = name_table.PREFIX

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~-]+|\{[a-z]+\}))+\Z", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}(?:,[A-Za-z0-9-]{1,64})*\Z", re.ASCII)
_WORD = re.compile(r"[\x20-\x7e]{1,200}\Z")
_PLACEHOLDER = re.compile(r"\{[a-z]+\}")
_MAY_BE_EMPTY = frozenset({"path_find", "path_cancel", "path_revoke", "query_cancel", "word_key_prefix"})


@dataclass(frozen=True, slots=True)
class Names:
	"""The table. The beginning of a key tells its kind: `path_`, `header_`, `query_`, `field_`, `type_`, `word_`, `codes_`.

	Attributes of several kinds that need a word:
		header_api_key: the portal's key of an API.
		header_batch_key: headers, comma-separated, that carry the key of the batches, if there is one (2.2).
		word_key_prefix: what stands before a key; before 2024 it was `Bearer`.
		path_batch_km: and its like: where a file of this format is posted (3.4); relative to `batch_url`.
		type_km: and its like: what such a file is called as a media type.
		path_find: the list of batches by the sender's id; empty if there is none.
		query_find: its parameter.
		path_cancel: DELETE; empty if batches cannot be cancelled.
		query_cancel: what stands behind the question mark of a cancellation, such as `allInstructions=true` (3.2).
		path_revoke: revocation of a refresh token (RFC 7009); relative to the host of `token_url`, empty if there is none.
		field_identification: one published client writes it `PaymentIdentification` (3.1); both are read.
		field_payments: the list of payments in a status or detail; and its like: see 3.2.
		codes_duplicate: codes, comma-separated, that say that the batch, or one of its id, is there already.
		codes_cancelled: codes of `field_change` of a batch that its sender has cancelled.
		codes_expired: codes of `field_change` of a batch that nobody authorised in time.
		words_api_key: words in a fault of the gateway that speak of the portal's key, not of the token.
	"""

	header_correlation: str = "x-correlation-id"
	header_api_key: str = "apiKey"
	header_batch_key: str = "apiKey,x-api-key"
	word_key_prefix: str = ""

	header_exchange: str = "x-exchange-identification"
	header_mode: str = "x-batch-processing-mode"
	header_name: str = "x-instruction-name"
	path_batches: str = "/batchPayments"
	path_batch_km: str = "/batchPayments/km"
	path_batch_best: str = "/batchPayments/best"
	path_batch_sepaxml: str = "/batchPayments/sepaxml"
	path_status: str = "/batchPayments/{batch}/status"
	path_detail: str = "/batchPayments/{batch}"
	path_cancel: str = "/batchPayments/{batch}"
	query_cancel: str = ""
	path_find: str = ""
	query_find: str = "exchangeIdentification"
	type_km: str = "text/plain; charset=windows-1250"
	type_best: str = "text/plain; charset=windows-1250"
	type_sepaxml: str = "application/xml"

	path_revoke: str = ""

	field_batch: str = "batchPaymentDataCollectionRequest"
	field_identification: str = "paymentIdentification"
	field_found: str = "batchPayments"
	field_payments: str = "payments"
	field_payment_status: str = "instructionStatus"
	field_payment_errors: str = "errors"
	field_change: str = "statusChangeInfo"
	field_received: str = "receivedDateTime"
	field_name: str = "instructionName"
	field_settled: str = "settlementDate"

	header_event_key: str = "x-api-key"
	field_event_count: str = "eventCount"

	codes_duplicate: str = "AM05"
	codes_cancelled: str = "DS02"
	codes_expired: str = "EXPI"
	words_api_key: str = "apikey,api key,key of this api"


def read_names(values: Mapping[str, str]) -> Names:
	"""The table with what a provider's settings change: their keys begin with `name.`.

	Raises:
		ConfigurationError: a key that is not in the table, or a value that cannot be meant; the message names the setting.
	"""
	return name_table.changed(Names(), values, _check)


def words(text: str) -> frozenset[str]:
	"""The words of a comma-separated entry, in capitals."""
	return frozenset(word.strip().upper() for word in text.split(",") if word.strip())


def _check(key: str, value: str) -> None:
	if not value and key in _MAY_BE_EMPTY:
		return
	kind = key.partition("_")[0]
	if not {"path": _PATH, "header": _HEADER}.get(kind, _WORD).match(value):
		raise ConfigurationError(f"The provider's setting {PREFIX}{key} has a form that no request can have.")
	wanted = set(_PLACEHOLDER.findall(getattr(Names(), key)))
	if kind == "path" and set(_PLACEHOLDER.findall(value)) != wanted:
		raise ConfigurationError(
			f"The provider's setting {PREFIX}{key} must have these placeholders: {', '.join(sorted(wanted)) or 'none'}."
		)
