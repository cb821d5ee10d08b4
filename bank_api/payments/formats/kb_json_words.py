"""The words of KB's JSON (kb_batch.md, 3.1), for writing and reading alike."""

from bank_api.payments.model import Charges, Priority, Scheme

TITLE = "KB JSON"
LIST = "batchPaymentDataCollectionRequest"
IDENTIFICATIONS = ("paymentIdentification", "PaymentIdentification")
PRIORITIES = {Priority.NORMAL: "NORM", Priority.EXPRESS: "HIGH", Priority.INSTANT: "INST"}
# ISO 20022 ChargeBearerType1Code. Domestic payments have none, which also tells them from the others.
CHARGES = {
	Scheme.DOMESTIC: {},
	Scheme.SEPA: {Charges.SHARED: "SLEV"},
	Scheme.FOREIGN: {Charges.SHARED: "SHAR", Charges.OWN: "DEBT", Charges.PARTNER: "CRED"},
}
SYMBOLS = {"VS": "variable_symbol", "KS": "constant_symbol", "SS": "specific_symbol"}
ADDRESS = {
	"streetName": "street",
	"buildingNumber": "building",
	"postCode": "postcode",
	"townName": "town",
	"country": "country",
}
