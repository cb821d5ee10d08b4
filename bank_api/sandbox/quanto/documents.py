"""CPF and CNPJ: check digits, and how they are shown."""

import re


def _check(digits: list[int], weights: range) -> int:
	rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
	return 0 if rest < 2 else 11 - rest


def is_cpf(text: str) -> bool:
	"""Tell whether a text is a CPF with right check digits (Receita Federal: mod 11, weights from 10 and 11 down)."""
	if not re.fullmatch(r"\d{11}", text) or len(set(text)) == 1:
		return False
	digits = [int(character) for character in text]
	return (
		_check(digits[:9], range(10, 1, -1)) == digits[9]
		and _check(digits[:10], range(11, 1, -1)) == digits[10]
	)


def is_cnpj(text: str) -> bool:
	"""Tell whether a text is a CNPJ with right check digits; letters count as their code less 48 (IN RFB 2.229/2024)."""
	if not re.fullmatch(r"[0-9A-Z]{12}\d{2}", text) or len(set(text)) == 1:
		return False
	values = [ord(character) - 48 for character in text]
	weights = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
	first = _weighted(values[:12], weights)
	return first == values[12] and _weighted(values[:13], (6, *weights)) == values[13]


def _weighted(values: list[int], weights: tuple[int, ...]) -> int:
	rest = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 11
	return 0 if rest < 2 else 11 - rest


def masked(document: str) -> str:
	"""Show a CPF or CNPJ without what would identify its owner."""
	if len(document) == 11:
		return f"•••.{document[3:6]}.{document[6:9]}-••"
	return f"••.{document[2:5]}.{document[5:8]}/{document[8:12]}-••"
