"""What a bank knows about a log-in: its accounts and their history. Pure functions of the seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from bank_api.sandbox import data
from bank_api.sandbox.bridge.banks import Bank

IBANS: dict[str, Callable[[random.Random, str], str]] = {
	"FR": data.french_iban,
	"DE": data.german_iban,
	"ES": data.spanish_iban,
}


@dataclass(frozen=True)
class Spec:
	"""One account as the bank holds it."""

	index: int
	name: str
	type: str
	iban: str | None
	opening: str
	weight: int
	pro: bool = False
	linked: int | None = None
	loan: dict[str, Any] | None = None
	savings: dict[str, Any] | None = None


@dataclass(slots=True)
class Draft:
	"""A transaction that has no id yet. Dates are ISO text, ``updated`` epoch milliseconds."""

	amount: str
	date: str
	booking_date: str | None
	transaction_date: str | None
	value_date: str | None
	description: str
	clean: str
	category_id: int
	operation_type: str
	updated: int
	future: bool = False


# Section 9: 4 checking, 2 deferred-debit cards, 1 savings, 3 securities, 2 loans.
_LAYOUT: tuple[tuple[str, str, int, int | None], ...] = (
	("Compte courant", "checking", 30, None),
	("Compte joint", "checking", 15, None),
	("Compte courant professionnel", "checking", 12, None),
	("Compte de dépôt", "checking", 6, None),
	("Carte à débit différé Visa 4417", "card", 14, 0),
	("Carte à débit différé Mastercard 8023", "card", 14, 2),
	("Livret A", "savings", 4, None),
	("Compte-titres", "brokerage", 1, None),
	("Plan d'épargne en actions", "brokerage", 1, None),
	("Assurance vie", "life_insurance", 1, None),
	("Prêt immobilier", "loan", 1, None),
	("Prêt travaux", "loan", 1, None),
)
PAYMENT_TYPES = ("checking", "card")


def specs(seed: int, bank: Bank, login: str, today: date) -> list[Spec]:
	"""Return the accounts behind a log-in.

	Args:
		seed: The sandbox's seed.
		bank: The bank.
		login: The log-in that tells customers apart; empty for the data that everyone shares at Demo Bank.
		today: Sandbox date, for the loans' next payment.

	Returns:
		Twelve accounts, the same on each call.
	"""
	rng = data.generator(seed, bank.id, login, "accounts")
	return [_spec(rng, bank, index, entry, today) for index, entry in enumerate(_LAYOUT)]


def _spec(
	rng: random.Random, bank: Bank, index: int, entry: tuple[str, str, int, int | None], today: date
) -> Spec:
	name, kind, weight, linked = entry
	opening = data.cents(rng.randrange(0, 1_500_000))
	number = IBANS[bank.country](rng, bank.code)
	loan = _loan(rng, index, today) if kind == "loan" else None
	savings = (
		{"opening_date": "2014-03-17", "interest_rate": "2.4", "ceiling": "22950"}
		if kind == "savings"
		else None
	)
	return Spec(
		index=index,
		name=name,
		type=kind,
		iban=number if kind == "checking" else None,
		opening="0" if kind in ("card", "loan") else opening,
		weight=weight,
		pro=index == 2,
		linked=linked,
		loan=loan,
		savings=savings,
	)


def _loan(rng: random.Random, index: int, today: date) -> dict[str, Any]:
	borrowed = (250_000, 18_000)[index % 2] * 100
	repaid = rng.randrange(borrowed // 5, borrowed // 2)
	due = (today.replace(day=1) + timedelta(days=32)).replace(day=5)
	return {
		"type": ("Prêt immobilier à taux fixe", "Prêt personnel")[index % 2],
		"borrowed_capital": data.cents(borrowed),
		"repaid_capital": data.cents(repaid),
		"remaining_capital": data.cents(borrowed - repaid),
		"interest_rate": ("1.35", "3.9")[index % 2],
		"opening_date": ("2017-09-05", "2022-02-05")[index % 2],
		"maturity_date": ("2037-09-05", "2028-02-05")[index % 2],
		"next_payment_date": due.isoformat(),
		"next_payment_amount": ("1204.33", "298.07")[index % 2],
	}


def shares(chosen: list[Spec], total: int) -> dict[int, int]:
	"""Spread a number of transactions over accounts by weight; the shares add up to the total exactly."""
	weights = sum(spec.weight for spec in chosen)
	counts = {spec.index: total * spec.weight // weights for spec in chosen}
	for spec in chosen[: total - sum(counts.values())]:
		counts[spec.index] += 1
	return counts


class History:
	"""Generates the past of the chosen accounts of one log-in."""

	def __init__(self, seed: int, bank: Bank, login: str, now_ms: int, days: int) -> None:
		self.seed, self.bank, self.login, self.now, self.days = seed, bank, login, now_ms, days
		self.today = datetime.fromtimestamp(now_ms / 1000, timezone.utc).date()

	def of(self, chosen: list[Spec], total: int) -> dict[int, list[Draft]]:
		"""Return the transactions by account.

		Args:
			chosen: The accounts that the user shares.
			total: How many transactions in all.

		Returns:
			Drafts by the account's index, oldest first; ``total`` of them.
		"""
		counts = shares(chosen, total) if chosen else {}
		rows: dict[int, list[Draft]] = {}
		settlements: dict[int, list[Draft]] = {}
		for spec in sorted(chosen, key=lambda spec: spec.type != "card"):
			rng = data.generator(self.seed, self.bank.id, self.login, spec.index, counts[spec.index])
			if spec.type == "card":
				rows[spec.index], settled = self._card(rng, spec, counts[spec.index])
				settlements.setdefault(spec.linked or 0, []).extend(settled)
			else:
				forced = settlements.get(spec.index, [])
				rows[spec.index] = self._ordinary(rng, spec, counts[spec.index], forced)
		return rows

	def _span(self, count: int, days: int) -> list[date]:
		"""Evenly spread dates, ending yesterday."""
		return [
			self.today - timedelta(days=1 + (count - 1 - i) * days // max(1, count)) for i in range(count)
		]

	def _updated(self, rng: random.Random, day: date) -> int:
		noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc).timestamp() * 1000)
		return min(noon + rng.randrange(129_600_000), self.now - 1 - rng.randrange(3_600_000))

	def _ordinary(self, rng: random.Random, spec: Spec, count: int, forced: list[Draft]) -> list[Draft]:
		rows = forced[-count:] if count else []
		room = count - len(rows)
		if spec.index == 0 and spec.type == "checking":
			rows = rows + self._specials(rng)[: room // 2]
		make = _MAKERS[spec.type]
		rows = rows + [self._row(rng, make, day) for day in self._span(count - len(rows), self.days)]
		rows.sort(key=lambda row: row.date)
		return rows

	def _row(
		self, rng: random.Random, make: Callable[[random.Random, date], tuple[Any, ...]], day: date
	) -> Draft:
		amount, text, clean, category, operation = make(rng, day)
		return self._draft(rng, day, amount, text, clean, category, operation)

	def _draft(
		self,
		rng: random.Random,
		day: date,
		amount: str,
		text: str,
		clean: str,
		category: int,
		operation: str,
		future: bool = False,
	) -> Draft:
		booked = day.isoformat()
		shape = rng.random()
		# Connectors differ in the dates they have; `date` equals one of the three others (bridge.md 5.3).
		value = booked if shape < 0.7 else None
		made = (day - timedelta(days=1)).isoformat() if shape < 0.4 else None
		return Draft(
			amount,
			booked,
			booked,
			made,
			value,
			text,
			clean,
			category,
			operation,
			self._updated(rng, day),
			future,
		)

	def _card(self, rng: random.Random, spec: Spec, count: int) -> tuple[list[Draft], list[Draft]]:
		"""Purchases of the month, and at its end the pair that settles them (bridge.md 5.3)."""
		months = min(self.days // 31, count // 3)
		days = max(1, min(self.days, months * 31)) if count else 0
		rows: list[Draft] = []
		settled: list[Draft] = []
		for reserve in range(months + 1, -1, -1):  # each settled month takes one row of the account's count
			dates = self._span(count - reserve, days)
			ends = sorted({end for end in map(_month_end, dates) if end < self.today})
			if len(ends) >= reserve:
				break
		ends = ends[len(ends) - reserve :]
		purchases = [self._row(rng, _purchase, day) for day in dates]
		sums = dict.fromkeys(ends, 0)
		for row, day in zip(purchases, dates, strict=True):
			if _month_end(day) in sums:
				sums[_month_end(day)] += _to_cents(row.amount)
		for end in ends:
			text = f"DEBIT DIFFERE CARTE {spec.name[-4:]} {end:%m/%Y}"
			total = sums[end]
			rows.append(
				self._draft(rng, end, data.cents(-total), text, "Débit différé", 326, "deferred_debit_card")
			)
			settled.append(
				self._draft(rng, end, data.cents(total), text, "Débit différé", 326, "deferred_debit_card")
			)
		rows += purchases
		rows.sort(key=lambda row: row.date)
		return rows, settled

	def _specials(self, rng: random.Random) -> list[Draft]:
		"""Rows that break careless code; each kind once, on days of their own."""
		rows: list[Draft] = []

		def add(
			days_ago: int, amount: str, text: str, operation: str = "transfer", future: bool = False
		) -> None:
			day = self.today - timedelta(days=days_ago)
			rows.append(self._draft(rng, day, amount, text, text[:40], 1, operation, future))

		for _ in range(2):
			add(3, "-3.50", "CB CAFE DU COIN", "card")  # real twins: two coffees on one day
		add(2, "-0.10", "COMMISSION", "direct_debit")
		add(4, "0.005", "INTERETS CREDITEURS")
		add(4, "-1.005", "ARRONDI CHANGE")
		add(9, "123456789012.34", "VIR RECU ERREUR BANQUE")
		add(9, "-123456789012.34", "CONTREPASSATION ERREUR BANQUE")
		add(-2, "-42.00", "PRLV A VENIR MAIF", "direct_debit", True)
		add(-1, "-18.90", "CB A VENIR SNCF", "card", True)
		for number, text in enumerate(data.NASTY):
			add(12 + number, data.cents(rng.randrange(-20000, 20000) or 1), text)
		for _ in range(3):
			add(6, "-1.20", "RATP TICKET", "card")
		add(7, "0.00", "FRAIS OFFERTS")
		return rows


def _month_end(day: date) -> date:
	return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _to_cents(text: str) -> int:
	return int(text.replace(".", ""))


def _pick(rng: random.Random, values: tuple[str, ...]) -> str:
	return values[int(rng.random() * len(values))]


def _checking(rng: random.Random, day: date) -> tuple[str, str, str, int, str]:
	what = rng.random()
	amount = int(rng.random() ** 3 * 60000) + 100
	if what < 0.45:
		name = _pick(rng, data.MERCHANTS)
		return data.cents(-amount), f"CB {name} {day:%d/%m/%y}", name.title(), 273, "card"
	if what < 0.65:
		name = _pick(rng, data.COUNTERPARTIES)
		reference = int(rng.random() * 1_000_000)
		return data.cents(amount * 4), f"VIR SEPA {name} FACT {reference:06d}", name, 3, "transfer"
	if what < 0.75:
		name = _pick(rng, data.COUNTERPARTIES)
		return data.cents(-amount * 2), f"VIR EMIS {name}", name, 326, "transfer"
	if what < 0.93:
		name = _pick(rng, data.CREDITORS)
		mandate = int(rng.random() * 10**9)
		return data.cents(-amount), f"PRLV SEPA {name} MDT {mandate:09d}", name.title(), 280, "direct_debit"
	if what < 0.96:
		number = int(rng.random() * 10**7)
		return data.cents(-amount), f"CHQ {number:07d}", f"Chèque {number:07d}", 1, "check"
	if what < 0.98:
		return (
			data.cents(-2000 * (1 + int(rng.random() * 5))),
			f"RETRAIT DAB {day:%d/%m} PARIS 11",
			"Retrait",
			85,
			"withdrawal",
		)
	return data.cents(amount), "REMISE CHEQUES", "Remise de chèques", 327, "deposit"


def _purchase(rng: random.Random, day: date) -> tuple[str, str, str, int, str]:
	name = _pick(rng, data.MERCHANTS)
	amount = int(rng.random() ** 3 * 20000) + 50
	return data.cents(-amount), f"ACHAT {name} {day:%d%m}", name.title(), 186, "card"


def _savings(rng: random.Random, day: date) -> tuple[str, str, str, int, str]:
	amount = 1000 * (1 + int(rng.random() * 40))
	sign = 1 if rng.random() < 0.7 else -1
	return data.cents(sign * amount), "VIREMENT INTERNE LIVRET", "Virement interne", 195, "transfer"


def _security(rng: random.Random, day: date) -> tuple[str, str, str, int, str]:
	amount = int(rng.random() * 90000) + 1000
	sign = 1 if rng.random() < 0.4 else -1
	return data.cents(sign * amount), "ORDRE DE BOURSE / ARBITRAGE", "Ordre de bourse", 195, "unknown"


def _loan_payment(rng: random.Random, day: date) -> tuple[str, str, str, int, str]:
	return data.cents(29807), f"ECHEANCE PRET {day:%m/%Y}", "Échéance de prêt", 191, "unknown"


_MAKERS: dict[str, Callable[[random.Random, date], tuple[str, str, str, int, str]]] = {
	"checking": _checking,
	"card": _purchase,
	"savings": _savings,
	"brokerage": _security,
	"life_insurance": _security,
	"loan": _loan_payment,
}
