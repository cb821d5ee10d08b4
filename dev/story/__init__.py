"""The main job, told step by step: what `make demo` plays on a running stack."""

from collections.abc import Sequence

from dev.stack import Stack


def main(stack: Stack, chapters: Sequence[str] = ()) -> int:
	"""Play the story, or some chapters of it, with the bench's Python; its exit status."""
	return stack.bench.call("-m", "dev.story", stack.url, stack.sandbox_url, stack.site, *chapters)
