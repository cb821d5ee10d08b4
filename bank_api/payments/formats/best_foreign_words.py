"""The places and words of BEST's foreign payments (kb_batch.md, 5.3), for writing and reading alike."""

from bank_api.payments.formats.best_record import Field, Layout
from bank_api.payments.model import Charges, Priority

TITLE = "BEST foreign"
LAYOUT = Layout(TITLE, 882)
BETWEEN = " "
"""What stands between two symbols in the text for the payee."""
CHARGES = {Charges.SHARED: "SHA", Charges.OWN: "OUR", Charges.PARTNER: "BEN"}
SEPA_CHARGES = "SLV"
PRIORITIES = {Priority.NORMAL: "E", Priority.EXPRESS: "U"}

NUMBER, CREATED, DUE = Field(8, 5), Field(13, 8), Field(21, 8)
CURRENCY, AMOUNT, CHARGE = Field(29, 3), Field(32, 15), Field(47, 3)
CHARGES_ACCOUNT, CHARGES_CURRENCY, PRIORITY = Field(50, 16), Field(66, 3), Field(69, 1)
FOREX, OWN_BANK, OWN_ACCOUNT = Field(100, 1), Field(120, 4), Field(124, 16)
OWN_CURRENCY, BIC, OWNER = Field(140, 3), Field(248, 35), Field(283, 140)
REMITTANCE, SLASH, ACCOUNT = Field(423, 140), Field(563, 1), Field(564, 34)
PARTNER, PARTNER_BANK, CHEQUE, SEPA = Field(598, 140), Field(738, 140), Field(878, 1), Field(879, 1)
FILLERS = (Field(2, 6), Field(70, 30), Field(101, 19), Field(143, 105), Field(880, 2))

# Record 03: where the payee's part and the bank's part begin, and the lengths of their fields.
ADDRESS_STARTS = (13, 327)
ADDRESS_LENGTHS = (
	("name", 140),
	("street", 70),
	("building", 16),
	("postcode", 16),
	("town", 35),
	("region", 35),
	("country", 2),
)
ADDRESS_FILLERS = (Field(2, 6), Field(641, 40), Field(681, 201))

POSITIONS = {
	"account": OWN_ACCOUNT.start + 1,
	"partner_account": ACCOUNT.start + 1,
	"amount": AMOUNT.start + 1,
	"currency": CURRENCY.start + 1,
	"own_currency": OWN_CURRENCY.start + 1,
	"charges": CHARGE.start + 1,
	"message": REMITTANCE.start + 1,
	"partner.name": PARTNER.start + 1,
	"partner_bank.bic": BIC.start + 1,
	"owner.name": OWNER.start + 1,
}
