"""An end for a whole call, where `requests` only bounds the silence between two bytes.

A peer that drips one byte a second, in the headers or in the body, never trips a read time-out. Here every
single read from the socket gets no more time than the call has left. This works below urllib3, so that it is
the same for its versions 1 and 2, and needs no thread.
"""

import http.client
import io
import socket
import threading
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_thread = threading.local()


class Deadline:
	"""Within this block, no read of this thread lasts beyond an instant of `time.monotonic()`.

	Attributes:
		sent: whether a byte of a request may have left within the block. It is set before the first one is handed to the
			socket, once the connection stands and its TLS is agreed: while it is False, nothing has left for certain.
	"""

	def __init__(self, instant: float):
		self.sent = False
		self._instant = instant
		self._outer: tuple[float | None, Deadline | None] = (None, None)

	def __enter__(self) -> None:
		self._outer = getattr(_thread, "deadline", None), getattr(_thread, "block", None)
		_thread.deadline, _thread.block = self._instant, self

	def __exit__(self, *_: object) -> None:
		_thread.deadline, _thread.block = self._outer


def _note_sending(connection: Any) -> None:
	"""Connect first, which may fail without harm; from then on bytes may have left."""
	if connection.sock is None:
		connection.connect()
	block = getattr(_thread, "block", None)
	if block is not None:
		block.sent = True


class _BoundedReader(io.RawIOBase):
	"""Reads a socket, never beyond the deadline that holds when the answer begins."""

	def __init__(self, raw: Any, sock: socket.socket, deadline: float):
		self._raw = raw
		self._sock = sock
		self._deadline = deadline
		self._silence = sock.gettimeout()

	def readable(self) -> bool:
		return True

	def readinto(self, buffer: Any) -> int | None:
		left = self._deadline - time.monotonic()
		if left <= 0:
			raise TimeoutError("the call's time is up")
		self._sock.settimeout(left if self._silence is None else min(left, self._silence))
		count: int | None = self._raw.readinto(buffer)
		return count

	def fileno(self) -> int:
		return int(self._raw.fileno())

	def close(self) -> None:
		if not self.closed:
			self._raw.close()
		super().close()


class _Response(http.client.HTTPResponse):
	def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any):
		super().__init__(sock, *args, **kwargs)
		deadline = getattr(_thread, "deadline", None)
		if deadline is not None:
			plain: io.BufferedReader = self.fp
			self.fp = io.BufferedReader(_BoundedReader(plain.detach(), sock, deadline))


class _Connection(HTTPConnection):
	response_class = _Response

	def send(self, data: Any) -> None:
		_note_sending(self)
		super().send(data)


class _TLSConnection(HTTPSConnection):
	response_class = _Response

	def send(self, data: Any) -> None:
		_note_sending(self)
		super().send(data)


class _Pool(HTTPConnectionPool):
	ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
	ConnectionCls = _TLSConnection


POOLS = {"http": _Pool, "https": _TLSPool}
"""For `urllib3.PoolManager.pool_classes_by_scheme`."""
