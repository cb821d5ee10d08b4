"""`python -m dev.story GATEWAY_URL SANDBOX_URL SITE [CHAPTER …]`, with the bench's Python."""

import sys

from dev.errors import DevError
from dev.story import bridge, kb, migdal, quanto
from dev.story.telling import Telling

CHAPTERS = ("bridge", "migdal", "quanto", "kb")
"""In this order, whatever order is asked for: days pass at the bank in the last one, and then no signature is fresh any more."""


def main(gateway: str, sandbox: str, site: str, *chapters: str) -> int:
	"""Play every chapter, or those that are named; 0 if all of them came out right."""
	if unknown := set(chapters) - set(CHAPTERS):
		print(f"there is no chapter {', '.join(unknown)}: there are {', '.join(CHAPTERS)}", file=sys.stderr)
		return 2
	telling = Telling()
	try:
		for chapter in [one for one in CHAPTERS if one in (chapters or CHAPTERS)]:
			_play(telling, chapter, gateway, sandbox, site)
	except (DevError, AssertionError) as error:
		telling.failed(str(error))
		return 1
	telling.table()
	return 0


def _play(telling: Telling, chapter: str, gateway: str, sandbox: str, site: str) -> None:
	if chapter == "bridge":
		for api_version in bridge.VERSIONS:
			bridge.play(telling, gateway, sandbox, api_version)
	elif chapter == "migdal":
		migdal.play(telling, gateway, sandbox)
	elif chapter == "quanto":
		quanto.play(telling, gateway, sandbox)
	else:
		kb.play(telling, gateway, sandbox, site)


raise SystemExit(main(*sys.argv[1:]))
