"""`python -m dev.story GATEWAY_URL SANDBOX_URL`, with the bench's Python."""

import sys

from dev.errors import DevError
from dev.story import bridge, migdal, quanto
from dev.story.telling import Telling


def main(gateway: str, sandbox: str) -> int:
	"""Play every chapter; 0 if all of them came out right."""
	telling = Telling()
	try:
		for api_version in bridge.VERSIONS:
			bridge.play(telling, gateway, sandbox, api_version)
		migdal.play(telling, gateway, sandbox)
		quanto.play(telling, gateway, sandbox)
	except (DevError, AssertionError) as error:
		telling.failed(str(error))
		return 1
	telling.table()
	return 0


raise SystemExit(main(*sys.argv[1:3]))
