"""The desk's bundles (placeholder until the next commit)."""

from dev.bench import Bench


def ensure_desk(bench: Bench) -> None:
	"""Build the desk once."""
