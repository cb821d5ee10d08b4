"""The words of pain.001, for writing and reading alike."""

TITLE = "pain.001"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001."
VERSIONS = ("03", "09")
NOT_PROVIDED = "NOTPROVIDED"
# In the order of the schema; KB takes these and no address lines (kb_batch.md, 5.4).
ADDRESS = {
	"StrtNm": "street",
	"BldgNb": "building",
	"PstCd": "postcode",
	"TwnNm": "town",
	"CtrySubDvsn": "region",
	"Ctry": "country",
}
