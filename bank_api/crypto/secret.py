"""Text that does not show itself."""


class Secret:
	"""A string that shows itself neither in a repr, nor in a log, nor in a traceback's local variables."""

	__slots__ = ("_value",)

	def __init__(self, value: str):
		self._value = value

	def reveal(self) -> str:
		"""The secret text, for the one line that needs it."""
		return self._value

	def __bool__(self) -> bool:
		return bool(self._value)

	def __eq__(self, other: object) -> bool:
		return isinstance(other, Secret) and self._value == other._value

	def __hash__(self) -> int:
		return hash(self._value)

	def __repr__(self) -> str:
		return "Secret(***)"

	__str__ = __repr__
