"""Run a command that ends when its parent does: `python guard.py PARENT_PID SIGNAL COMMAND…` (Linux)."""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
	"""Ask the kernel for a signal at the parent's death, then become the command."""
	parent, signum, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
	try:
		ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
	except (OSError, AttributeError):
		pass  # another system: the command is still stopped in the ordinary ways
	if os.getppid() != parent:
		sys.exit("the parent has already ended")
	try:
		os.execvp(command[0], command)
	except OSError as error:
		sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
	main()
