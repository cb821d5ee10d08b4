"""Behaviour that tests may change while a sandbox runs: named values with a type and, often, a few choices."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass
class SwitchBoard:
	"""What all providers' switches share; the fields are the subclass's."""

	CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {}
	FREE: ClassVar[tuple[str, ...]] = ()  # take any value

	def update(self, values: dict[str, Any]) -> None:
		"""Change some switches, or none when one value is wrong.

		Args:
			values: New values by name.

		Raises:
			ValueError: An unknown name, or a value of the wrong type or outside its choices.
		"""
		fresh = type(self)()
		known = {f.name for f in fields(self)}
		for name, value in values.items():
			if name not in known:
				raise ValueError(f"unknown switch {name}")
			if name in self.CHOICES:
				if value not in self.CHOICES[name]:
					raise ValueError(f"{name} must be one of {', '.join(map(str, self.CHOICES[name]))}")
			elif name not in self.FREE:
				wanted = type(getattr(fresh, name))
				fits = type(value) is wanted
				if wanted is float:  # a whole number will do, and so will a number that remembers its text
					fits = isinstance(value, (int, float)) and not isinstance(value, bool)
				if not fits:
					raise ValueError(f"{name} must be {wanted.__name__}")
		for name, value in values.items():
			setattr(self, name, float(value) if type(getattr(fresh, name)) is float else value)
