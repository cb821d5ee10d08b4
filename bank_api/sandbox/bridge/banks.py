"""The banks of the list. Demo Bank (574) is documented (bridge.md 9); the other ids are the sandbox's own."""

from dataclasses import dataclass, field

DEMO_BANK = 574
OLD_SIMULATOR = 408


@dataclass(frozen=True)
class Bank:
	"""A bank or provider."""

	id: int
	name: str
	country: str = "FR"
	group: str | None = None
	code: str = "30003"
	authentication: str = "INTERNAL_CREDS"
	highlighted: bool = False
	hidden: bool = False
	automatic_refresh: bool = True
	colour: str = "1a3c8c"
	region: tuple[str, ...] = ()
	segment: tuple[str, ...] = ("b2c", "b2b")
	keywords: tuple[str, ...] = field(default=())


BANKS = {
	bank.id: bank
	for bank in (
		Bank(
			DEMO_BANK, "Demo Bank", code="99999", highlighted=True, colour="0a7d5a", keywords=("demo", "test")
		),
		Bank(OLD_SIMULATOR, "Simulator", code="99998", hidden=True),
		Bank(9001, "Banque de la Loire", code="10107", highlighted=True, colour="8c1a3c"),
		Bank(9002, "Société de Crédit Bleu", code="30003", highlighted=True, authentication="WEBVIEW"),
		Bank(
			9003, "Crédit Rural Centre", group="Crédit Rural", code="14806", region=("Centre-Val de Loire",)
		),
		Bank(9004, "Crédit Rural Bretagne", group="Crédit Rural", code="12906", region=("Bretagne",)),
		Bank(9005, "Crédit Rural Alsace", group="Crédit Rural", code="17206", region=("Grand Est",)),
		Bank(9006, "Caisse Fraternelle", code="10278", colour="c0392b"),
		Bank(
			9007, "Neobanque Azur", code="16958", authentication="WEBVIEW", segment=("b2b",), colour="0e86d4"
		),
		Bank(9101, "Sparbank Nord", country="DE", code="20050550", colour="d35400"),
		Bank(9201, "Banco del Sol", country="ES", code="0182", colour="b7950b"),
	)
}


def listed() -> list[Bank]:
	"""Return the banks that a list shows; the old Simulator is hidden (bridge.md 9)."""
	return [bank for bank in BANKS.values() if not bank.hidden]
