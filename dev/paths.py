"""Where things are."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
DEV = REPO / "dev"
LOCKS = DEV / "locks"
APP = "bank_api"


def cache_root() -> Path:
	"""The folder outside the repository that holds everything built: `$BANK_API_CACHE`."""
	root = os.environ.get("BANK_API_CACHE") or Path.home() / ".cache" / "bank_api"
	return Path(root).expanduser().resolve()
