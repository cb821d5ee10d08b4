"""Private MariaDB and Redis servers: on free ports, with their data under the bench's folder.

A server is found by its working folder, which is its data folder, so that there is no pid file to go stale.
"""

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from dev.errors import DevError
from dev.files import write_atomic
from dev.packages import need_program
from dev.shell import environment, output_of, run, tail

LOOPBACK = "127.0.0.1"


def free_port() -> int:
	"""A TCP port that is free just now."""
	with socket.socket() as probe:
		probe.bind((LOOPBACK, 0))
		return probe.getsockname()[1]


def port_is_free(port: int) -> bool:
	"""Whether nothing listens on a port."""
	with socket.socket() as probe:
		probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
			probe.bind((LOOPBACK, port))
		except OSError:
			return False
	return True


def wait_until(check: Callable[[], bool], timeout: float, interval: float = 0.05) -> bool:
	"""Whether `check` came true in time."""
	deadline = time.monotonic() + timeout
	while not check():
		if time.monotonic() > deadline:
			return False
		time.sleep(interval)
	return True


def redis_command(host: str, port: int, *words: str, timeout: float = 2) -> str:
	"""One Redis command over a socket, with the raw answer; empty if nobody answers."""
	request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
	try:
		with socket.create_connection((host, port), timeout=timeout) as connection:
			connection.sendall(request.encode())
			return connection.recv(1 << 20).decode(errors="replace")
	except OSError:
		return ""


class Service(ABC):
	"""A server process that outlives the command that started it.

	Args:
		name: for messages and the log's name.
		data: its data folder, also its working folder.
		logs: the folder for its log.
		port: the port it had last; another is taken if that one is in use when it has to start.
	"""

	programs: tuple[str, ...] = ()

	def __init__(self, name: str, data: Path, logs: Path, port: int | None):
		self.name = name
		self.data = data
		self.log = logs / f"{name}.log"
		self.port = port or free_port()

	@abstractmethod
	def command(self) -> list[str]:
		"""The server's command line."""

	@abstractmethod
	def answers(self) -> bool:
		"""Whether it serves."""

	def pid(self) -> int | None:
		"""The server process whose working folder is the data folder."""
		wanted = str(self.data)
		for entry in os.listdir("/proc"):
			if entry.isdigit():
				try:
					ours = os.readlink(f"/proc/{entry}/cwd") == wanted
					if (
						ours
						and Path(f"/proc/{entry}/comm").read_text().strip() in self.programs
						and _alive(int(entry))
					):
						return int(entry)
				except OSError:
					continue
		return None

	def start(self, timeout: float = 60) -> bool:
		"""Have it running and answering; whether it had to be started.

		Raises:
			DevError: it does not come up.
		"""
		if self.pid() and wait_until(self.answers, 20):
			return False
		self.stop()
		if not port_is_free(self.port):
			self.port = free_port()
		self.data.mkdir(parents=True, exist_ok=True)
		self.log.parent.mkdir(parents=True, exist_ok=True)
		with self.log.open("ab") as log:
			process = subprocess.Popen(
				self.command(),
				cwd=self.data,
				env=environment(),
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=subprocess.STDOUT,
				start_new_session=True,
			)
		if (
			not wait_until(lambda: process.poll() is not None or self.answers(), timeout)
			or process.poll() is not None
		):
			process.kill()
			process.wait()
			raise DevError(f"{self.name} did not start\n--- end of {self.log} ---\n{tail(self.log)}")
		return True

	def stop(self, timeout: float = 30) -> None:
		"""Stop it in order, by force when it takes too long."""
		for signum, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, 10)):
			if not (pid := self.pid()):
				return
			_send(pid, signum)
			wait_until(lambda gone=pid: not _alive(gone), patience)

	def kill(self) -> None:
		"""SIGKILL, as a crash would."""
		if pid := self.pid():
			_send(pid, signal.SIGKILL)
			wait_until(lambda: not _alive(pid), 10)

	def restart(self) -> None:
		"""Stop and start again on the same port."""
		self.stop()
		wait_until(lambda: port_is_free(self.port), 10)
		self.start()


class Redis(Service):
	"""A Redis server that keeps nothing over a restart, the harder case for those who use it.

	Args:
		evict: drop the least used keys past 256 MB, as a cache may.
	"""

	programs = ("redis-server",)

	def __init__(self, name: str, data: Path, logs: Path, port: int | None, *, evict: bool = False):
		super().__init__(name, data, logs, port)
		self.evict = evict

	@property
	def url(self) -> str:
		"""Its address for clients."""
		return f"redis://{LOOPBACK}:{self.port}"

	def command(self) -> list[str]:
		"""The server's command line."""
		server = need_program("redis-server", "redis-server")
		keep = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"] if self.evict else []
		where = ["--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self.data)]
		return [server, *where, "--save", "", "--daemonize", "no", *keep]

	def answers(self) -> bool:
		"""Whether it serves."""
		return redis_command(LOOPBACK, self.port, "PING").startswith("+PONG")


class MariaDB(Service):
	"""A MariaDB server with its own data and root password."""

	programs = ("mariadbd", "mysqld")

	def __init__(self, data: Path, logs: Path, port: int | None, password: str | None):
		super().__init__("mariadb", data, logs, port)
		self.password = password or secrets.token_hex(16)
		self.init_file = data.parent / "mariadb-init.sql"
		# A path for a unix socket may have 107 characters only, so it does not lie beside the data.
		name = hashlib.sha256(str(data).encode()).hexdigest()[:12]
		self.socket = Path(tempfile.gettempdir()) / f"bank_api-{name}.sock"

	def create(self, log: Path) -> None:
		"""Make the data folder, in one move."""
		if self.data.exists():
			return
		install = need_program("mariadb-server", "mariadb-install-db", "mysql_install_db")
		for leftover in self.data.parent.glob(f"{self.data.name}.new-*"):
			shutil.rmtree(leftover, ignore_errors=True)
		# A new name each time: a helper of an attempt that was killed may still write to the old one.
		temporary = self.data.with_name(f"{self.data.name}.new-{secrets.token_hex(4)}")
		options = [f"--user={_user_name()}", "--auth-root-authentication-method=normal", "--skip-test-db"]
		run([install, "--no-defaults", *options, f"--datadir={temporary}"], log=log)
		os.replace(temporary, self.data)

	def command(self) -> list[str]:
		"""The server's command line; the root password is set at each start from a file only we can read."""
		password = self.password
		users = "".join(
			f"CREATE USER IF NOT EXISTS 'root'@'{host}';\n"
			f"ALTER USER 'root'@'{host}' IDENTIFIED BY '{password}';\n"
			f"GRANT ALL PRIVILEGES ON *.* TO 'root'@'{host}' WITH GRANT OPTION;\n"
			for host in ("localhost", LOOPBACK)
		)
		write_atomic(self.init_file, users + "FLUSH PRIVILEGES;\n", 0o600)
		return [
			need_program("mariadb-server", "mariadbd", "mysqld"),
			"--no-defaults",
			f"--user={_user_name()}",
			f"--datadir={self.data}",
			f"--socket={self.socket}",
			f"--pid-file={self.data / 'server.pid'}",
			f"--init-file={self.init_file}",
			f"--bind-address={LOOPBACK}",
			f"--port={self.port}",
			"--skip-name-resolve",
			"--skip-log-bin",
			"--character-set-server=utf8mb4",
			"--collation-server=utf8mb4_unicode_ci",
			"--innodb-buffer-pool-size=512M",
			"--innodb-log-file-size=256M",
			"--innodb-flush-log-at-trx-commit=1",
			"--innodb-read-only-compressed=OFF",
			"--max-allowed-packet=256M",
			"--max-connections=300",
			"--innodb-print-all-deadlocks=ON",
			"--local-infile=1",
		]

	def answers(self) -> bool:
		"""Whether it serves."""
		try:
			with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
				if not connection.recv(5):
					return False
			self.client().query("select 1")
		except (OSError, DevError):
			return False
		return True

	def client(self) -> "SqlClient":
		"""A root connection."""
		return SqlClient(LOOPBACK, self.port, "root", self.password)


class SqlClient:
	"""MariaDB's command-line tools against one server; the password travels in the environment only."""

	def __init__(self, host: str, port: int, user: str, password: str):
		self.where = [f"--host={host}", f"--port={port}", "--protocol=tcp", f"--user={user}"]
		self.env = {"MYSQL_PWD": password}

	def query(self, sql: str) -> str:
		"""Run statements; the answer as tab-separated lines."""
		client = need_program("mariadb-client", "mariadb", "mysql")
		return output_of([client, "--no-defaults", *self.where, "-N", "-B", "-e", sql], env=self.env)

	def dump(self, database: str, target: Path, log: Path) -> None:
		"""Write a database to a file, in one move."""
		tool = need_program("mariadb-client", "mariadb-dump", "mysqldump")
		temporary = target.with_name(target.name + ".new")
		options = [
			"--single-transaction",
			"--no-autocommit",
			"--skip-comments",
			"--skip-add-locks",
			"--skip-add-drop-table",
		]
		run(
			[tool, "--no-defaults", *self.where, *options, f"--result-file={temporary}", database],
			env=self.env,
			log=log,
		)
		os.replace(temporary, target)

	def load(self, database: str, source: Path, log: Path) -> None:
		"""Run a file of statements in a database."""
		client = need_program("mariadb-client", "mariadb", "mysql")
		options = ["--max-allowed-packet=256M", "--init-command=SET unique_checks=0, foreign_key_checks=0"]
		run([client, "--no-defaults", *self.where, *options, database], env=self.env, stdin=source, log=log)


def _user_name() -> str:
	import pwd

	return pwd.getpwuid(os.geteuid()).pw_name


def _send(pid: int, signum: int) -> None:
	try:
		os.kill(pid, signum)
	except ProcessLookupError:
		pass


def _alive(pid: int) -> bool:
	try:
		os.waitpid(pid, os.WNOHANG)  # if it is our child, so that it does not stay a zombie
	except ChildProcessError:
		pass
	return os.path.exists(f"/proc/{pid}") and not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
	try:
		return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
	except OSError:
		return True
