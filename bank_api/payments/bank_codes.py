"""The Czech banks' codes for payments, with the BIC of those that have one.

The Czech National Bank publishes the list and changes it several times a year, so it is data with a date, and whoever
checks a batch may hand over a newer one (`validation.Rules.bank_codes`).
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

AS_OF = date(2026, 10, 1)

BANK_CODES: Mapping[str, str] = MappingProxyType(
	{
		"0100": "KOMBCZPP",
		"0300": "CEKOCZPP",
		"0600": "AGBACZPP",
		"0710": "CNBACZPP",
		"0800": "GIBACZPX",
		"2010": "FIOBCZPP",
		"2060": "CITFCZPP",
		"2070": "MPUBCZPP",
		"2100": "",
		"2200": "",
		"2220": "ARTTCZPP",
		"2250": "CTASCZ22",
		"2260": "",
		"2600": "CITICZPX",
		"2700": "BACXCZPP",
		"3030": "AIRACZPP",
		"3060": "BPKOCZPP",
		"3500": "INGBCZPP",
		"4300": "NROZCZPP",
		"5500": "RZBCCZPP",
		"5800": "JTBPCZPP",
		"6000": "PMBPCZPP",
		"6200": "COBACZPX",
		"6210": "BREXCZPP",
		"6300": "GEBACZPP",
		"6363": "",
		"6700": "SUBACZPP",
		"6800": "VBOECZ2X",
		"7910": "DEUTCZPX",
		"7950": "",
		"7960": "",
		"7970": "",
		"7990": "",
		"8030": "GENOCZ21",
		"8040": "OBKLCZ2X",
		"8060": "",
		"8090": "CZEECZPP",
		"8150": "MIDLCZPP",
		"8190": "",
		"8198": "FFCSCZP1",
		"8220": "PAERCZP1",
		"8250": "BKCHCZPP",
		"8255": "COMMCZPP",
		"8265": "ICBKCZPP",
		"8500": "",
		"8610": "",
		"8660": "",
	}
)

CODES = frozenset(BANK_CODES)
"""The codes alone."""
