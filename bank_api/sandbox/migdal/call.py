"""One request that the verifier let through, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request

from bank_api.sandbox.migdal.verifier import Leaf


@dataclass(frozen=True)
class Call:
	"""A verified request.

	``base`` is the collection's path as the client wrote it, so that links stay on it.
	"""

	request: Request
	leaf: Leaf
	body: bytes
	base: str

	@property
	def headers(self) -> Mapping[str, str]:
		"""The request's headers, case-insensitive."""
		return self.request.headers

	@property
	def query(self) -> Mapping[str, str]:
		"""The query's values."""
		return self.request.args


@dataclass(frozen=True)
class Reply:
	"""An answer: ``body`` None sends none."""

	status: int
	body: Any
	headers: dict[str, str] = field(default_factory=dict)
