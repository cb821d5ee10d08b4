"""A wire between the gateway and the bank that can be cut at any byte, on either way, or be gone altogether."""

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
PATIENCE = 60.0
CHUNK = 65536


@dataclass(frozen=True)
class Cut:
	"""What happens to one call.

	Attributes:
		request: bytes of the request's first packet that still pass; None for the whole request.
		answer: bytes of the answer that still pass; None for all.
		late: seconds by which the answer is late.
		reset: whether the gateway sees a reset instead of an end.
	"""

	request: int | None = None
	answer: int | None = None
	late: float = 0.0
	reset: bool = False


class Wire:
	"""Carries every connection to the bank; those that begin as a cut wants it meet the next cut.

	Args:
		bank: port of the bank.
		begins: beginning of the requests that cuts are for.
	"""

	def __init__(self, bank: int, begins: bytes):
		self.bank, self.begins = bank, begins
		self.cuts: deque[Cut] = deque()
		self.done = 0
		self.port = 0
		self._listener: socket.socket | None = None
		self.join()

	def join(self) -> None:
		"""Be there."""
		listener = socket.socket()
		listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		listener.bind((LOOPBACK, self.port))
		listener.listen(64)
		self.port = listener.getsockname()[1]
		self._listener = listener
		threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

	def part(self) -> None:
		"""Be gone: who calls then is refused by the machine itself, and has sent nothing."""
		if self._listener is not None:
			with contextlib.suppress(OSError):
				self._listener.shutdown(socket.SHUT_RDWR)  # wakes the one that accepts
			self._listener.close()
			self._listener = None

	def _accept(self, listener: socket.socket) -> None:
		while True:
			try:
				caller, _address = listener.accept()
			except OSError:
				return
			threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

	def _serve(self, caller: socket.socket) -> None:
		with caller, contextlib.suppress(OSError):
			caller.settimeout(PATIENCE)
			first = caller.recv(CHUNK)
			cut = self._next_cut(first)
			if not first:
				return
			with socket.create_connection((LOOPBACK, self.bank), timeout=PATIENCE) as bank:
				bank.sendall(first[: cut.request])
				if cut.request is None:
					_carry(caller, bank, cut)
			_end(caller, cut.reset)

	def _next_cut(self, first: bytes) -> Cut:
		if not first.startswith(self.begins):
			return Cut()
		try:
			cut = self.cuts.popleft()
		except IndexError:
			return Cut()
		self.done += 1
		return cut


def _carry(caller: socket.socket, bank: socket.socket, cut: Cut) -> None:
	left, late = cut.answer, cut.late
	while True:
		ready, _, _ = select.select([caller, bank], [], [], PATIENCE)
		if not ready:
			return
		for end in ready:
			data = end.recv(CHUNK)
			if not data:
				return
			if end is caller:
				bank.sendall(data)
				continue
			time.sleep(late)
			late = 0.0
			caller.sendall(data[:left])
			if left is not None:
				left -= len(data)
				if left <= 0:
					return


def _end(caller: socket.socket, reset: bool) -> None:
	if reset:
		caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
