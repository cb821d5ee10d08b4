"""The one failure the commands report without a traceback."""


class DevError(Exception):
	"""Something a person can act on: the message says what."""
