"""The two banks, as the directory of participants lists them (section 5.3)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bank:
	"""A transmitting institution."""

	key: str
	organisation_id: str
	authorisation_server_id: str
	name: str
	cnpj: str
	ispb: str
	compe: str
	namespace: str  # of its consents' URNs
	color: str
	unsold: tuple[str, ...] = ()  # permission groups without a product


BANKS: dict[str, Bank] = {
	bank.key: bank
	for bank in (
		Bank(
			"ipe",
			"5a1c2d3e-0b4f-4c6a-9d8e-7f6a5b4c3d2e",
			"c8f0bf49-4744-4933-8960-7add6e590841",
			"Banco Ipê",
			"60872504000123",
			"60872504",
			"341",
			"bancoipe",
			"#7b1e6f",
		),
		Bank(
			"araucaria",
			"9e8d7c6b-5a49-4838-a727-160514f3e2d1",
			"3b1f7a52-90c4-4f0e-8a63-5d2e7c1b9f04",
			"Caixa Araucária",
			"33479023000180",
			"33479023",
			"756",
			"caixaaraucaria",
			"#1d5c3a",
			("card_limits", "card_transactions", "card_bills"),
		),
	)
}
BY_SERVER = {bank.authorisation_server_id: bank for bank in BANKS.values()}


def institution(bank: Bank) -> dict[str, str]:
	"""Describe a bank the way Quanto's answers do (section 2.3)."""
	return {
		"organisationId": bank.organisation_id,
		"authorisationServerId": bank.authorisation_server_id,
		"name": bank.name,
	}
