"""Running commands, with their output where a person finds it."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.errors import DevError

GUARD = Path(__file__).with_name("guard.py")


def guarded(argv: Sequence[str | Path], signum: int = signal.SIGKILL) -> list[str]:
	"""`argv` wrapped so that the process is sent `signum` when the one that started it dies."""
	return [sys.executable, "-S", "-E", str(GUARD), str(os.getpid()), str(int(signum)), *map(str, argv)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
	"""This process's environment without what would lead another Python astray."""
	env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP")}
	env["PYTHONUNBUFFERED"] = "1"
	return {**env, **(extra or {})}


def tail(path: Path, lines: int = 25) -> str:
	"""The end of a log file."""
	if not path.exists():
		return ""
	with path.open("rb") as file:
		file.seek(0, os.SEEK_END)
		file.seek(max(0, file.tell() - 16384))
		text = file.read().decode(errors="replace").replace("\r", "\n")
	return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def run(
	argv: Sequence[str | Path],
	*,
	log: Path | None = None,
	cwd: Path | None = None,
	env: Mapping[str, str] | None = None,
	stdin: Path | None = None,
	timeout: float = 1800,
	guard: bool = True,
) -> None:
	"""Run a command to its end.

	Args:
		argv: the command.
		log: a file that takes its output; its tail is shown on failure. Without it the output is seen.
		cwd: the folder to run in.
		env: variables to add to the environment.
		stdin: a file to read as input.
		timeout: seconds to allow.
		guard: end the command when this process dies.

	Raises:
		DevError: it failed, or took too long.
	"""
	words = guarded(argv) if guard else [str(word) for word in argv]
	shown = shlex.join(str(word) for word in argv)
	if log:
		log.parent.mkdir(parents=True, exist_ok=True)
	output = log.open("ab") if log else None
	source = stdin.open("rb") if stdin else None
	try:
		if output:
			output.write(f"\n$ {shown}\n".encode())
			output.flush()
		subprocess.run(
			words,
			cwd=cwd,
			env=environment(env),
			stdin=source or subprocess.DEVNULL,
			stdout=output,
			stderr=subprocess.STDOUT if output else None,
			timeout=timeout,
			check=True,
		)
	except subprocess.TimeoutExpired:
		raise DevError(f"no end after {timeout:.0f} s: {shown}" + _shown_tail(log)) from None
	except subprocess.CalledProcessError as error:
		raise DevError(f"failed with {error.returncode}: {shown}" + _shown_tail(log)) from None
	finally:
		for file in (output, source):
			if file:
				file.close()


def output_of(
	argv: Sequence[str | Path],
	*,
	cwd: Path | None = None,
	env: Mapping[str, str] | None = None,
	timeout: float = 120,
) -> str:
	"""What a command prints.

	Raises:
		DevError: it failed, or took too long.
	"""
	try:
		done = subprocess.run(
			[str(word) for word in argv],
			cwd=cwd,
			env=environment(env),
			stdin=subprocess.DEVNULL,
			capture_output=True,
			text=True,
			timeout=timeout,
			check=True,
		)
	except subprocess.TimeoutExpired:
		raise DevError(f"no end after {timeout:.0f} s: {shlex.join(map(str, argv))}") from None
	except subprocess.CalledProcessError as error:
		detail = (error.stderr or error.stdout).strip()
		raise DevError(f"failed with {error.returncode}: {shlex.join(map(str, argv))}\n{detail}") from None
	return done.stdout


def _shown_tail(log: Path | None) -> str:
	return f"\n--- end of {log} ---\n{tail(log)}" if log else ""
