"""``python -m bank_api.sandbox``: run the simulator as a process."""

import argparse
import gc
import json
import signal
import ssl
import sys
import threading
from typing import Any

from bank_api.sandbox.app import FURTHER, Sandbox, listeners
from bank_api.sandbox.server import Server, serve_in_thread
from bank_api.sandbox.state import Options


def parser() -> argparse.ArgumentParser:
	"""Return the command line's parser."""
	found = argparse.ArgumentParser(
		prog="python -m bank_api.sandbox", description="Simulated open-banking providers."
	)
	found.add_argument("--host", default="127.0.0.1", help="address to bind (default %(default)s)")
	found.add_argument(
		"--port", type=int, default=8765, help="port to bind; 0 takes a free one (default %(default)s)"
	)
	found.add_argument("--public-url", default="", help="address in links and logos (default: the bound one)")
	found.add_argument("--data-dir", help="keep the state in this directory, so that a restart has it again")
	found.add_argument("--seed", type=int, default=1, help="seed of the data (default %(default)s)")
	found.add_argument(
		"--transactions", type=int, default=300, help="transactions of a new item (default %(default)s)"
	)
	found.add_argument("--client-id", default="sandbox_id_demo", help="Client-Id (default %(default)s)")
	found.add_argument(
		"--client-secret", default="sandbox_secret_demo", help="Client-Secret (default %(default)s)"
	)
	found.add_argument("--webhook-url", help="where webhooks go")
	found.add_argument(
		"--webhook-secret", default="sandbox_webhook_secret", help="their secret (default %(default)s)"
	)
	found.add_argument(
		"--webhook-version", default="2025-01-15", help="version of the events (default %(default)s)"
	)
	found.add_argument(
		"--rate-limits", choices=("on", "off"), default="on", help="limits of Bridge (default %(default)s)"
	)
	found.add_argument("--latency-ms", type=int, default=0, help="delay of every answer")
	found.add_argument(
		"--callback-host", action="append", help="allowed host of callback_url; repeat (default: any)"
	)
	found.add_argument("--now", help="start of the sandbox's clock, ISO 8601 (default: now)")
	found.add_argument(
		"--id-base", type=int, help="start of item ids; the same base and seed give the same ids"
	)
	found.add_argument(
		"--switch", action="append", default=[], metavar="NAME=JSON", help="set a switch; repeat"
	)
	for listener in listeners():
		found.add_argument(
			f"--{listener.option}",
			type=int,
			default=0,
			help=f"port of {listener.about} (default: a free one)",
		)
	for provider in FURTHER:
		found.add_argument(
			f"--{provider.name}-switch",
			action="append",
			default=[],
			metavar="NAME=JSON",
			help=f"set a switch of {provider.__name__}; repeat",
		)
	found.add_argument("--tls-cert", help="PEM chain; serves https")
	found.add_argument("--tls-key", help="PEM key of --tls-cert")
	return found


def options_of(args: argparse.Namespace) -> Options:
	"""Turn parsed arguments into options.

	Args:
		args: From ``parser()``.

	Returns:
		The options.
	"""
	switches: dict[str, Any] = {"rate_limits": args.rate_limits == "on"}
	if args.callback_host:
		switches["callback_hosts"] = args.callback_host
	switches |= _switches(args.switch)
	return Options(
		host=args.host,
		port=args.port,
		public_url=args.public_url.rstrip("/"),
		data_dir=args.data_dir,
		seed=args.seed,
		transactions=args.transactions,
		latency_ms=args.latency_ms,
		client_id=args.client_id,
		client_secret=args.client_secret,
		webhook_url=args.webhook_url,
		webhook_secret=args.webhook_secret,
		webhook_version=args.webhook_version,
		id_base=args.id_base,
		now=args.now,
		switches=switches,
		migdal_switches=_switches(args.migdal_switch),
		quanto_switches=_switches(args.quanto_switch),
		kb_switches=_switches(args.kb_switch),
	)


def _switches(texts: list[str]) -> dict[str, Any]:
	found: dict[str, Any] = {}
	for text in texts:
		name, _, value = text.partition("=")
		try:
			found[name] = json.loads(value)
		except ValueError:
			found[name] = value
	return found


def main(argv: list[str] | None = None) -> int:
	"""Run until SIGTERM or SIGINT.

	Args:
		argv: Command line without the program's name.

	Returns:
		Exit status.
	"""
	args = parser().parse_args(argv)
	tls = None
	if args.tls_cert:
		tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		tls.load_cert_chain(args.tls_cert, args.tls_key)
	try:
		sandbox = Sandbox(options_of(args))
		server = Server(args.host, args.port, sandbox, tls)
		ports = [getattr(args, listener.option.replace("-", "_")) for listener in listeners()]
		further = sandbox.listen(args.host, *ports)
	except (OSError, ValueError) as error:
		print(f"sandbox: {error}", file=sys.stderr)
		return 1
	sandbox.url = sandbox.url or server.url

	def stop(number: int, frame: Any) -> None:
		threading.Thread(target=server.shutdown, daemon=True).start()

	signal.signal(signal.SIGTERM, stop)
	signal.signal(signal.SIGINT, stop)
	gc.freeze()
	gc.set_threshold(
		100_000, 50, 100
	)  # millions of rows that never die make frequent full collections costly
	for each in further:
		serve_in_thread(each)
	named = zip(listeners(), further, strict=True)
	places = " ".join(f"{listener.name}={each.url}" for listener, each in named)
	print(f"ready {server.url} {places}", flush=True)
	server.serve_forever(poll_interval=0.1)
	for each in further:
		each.shutdown()
	for each in (server, *further):
		each.server_close()
	sandbox.close()
	return 0


if __name__ == "__main__":
	sys.exit(main())
