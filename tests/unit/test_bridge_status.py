"""Every status code of Bridge's items, and what the end user must do (protocols/bridge.md, 3.3)."""

import pytest

from bank_api.connectors.bridge.status import STANDINGS, standing
from bank_api.connectors.model import ItemStatus, UserAction

TABLE = [
	(0, ItemStatus.OK, UserAction.NONE),
	(-2, ItemStatus.WAITING, UserAction.WAIT),
	(-3, ItemStatus.WAITING, UserAction.WAIT),
	(402, ItemStatus.ACTION_REQUIRED, UserAction.EDIT_CREDENTIALS),
	(429, ItemStatus.ACTION_REQUIRED, UserAction.VISIT_BANK),
	(430, ItemStatus.ACTION_REQUIRED, UserAction.VISIT_BANK),
	(1003, ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
	(1005, ItemStatus.UNSUPPORTED, UserAction.DELETE),
	(1007, ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
	(1009, ItemStatus.OK, UserAction.NONE),
	(1010, ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE),
	(1099, ItemStatus.PROVIDER_PROBLEM, UserAction.WAIT),
]


@pytest.mark.parametrize("has_pro_confirmation", [True, False])
@pytest.mark.parametrize(("code", "status", "action"), TABLE)
def test_each_code(code, status, action, has_pro_confirmation):
	assert standing(code, has_pro_confirmation) == (status, action)


def test_business_accounts_are_confirmed_where_there_is_a_page_for_it():
	assert standing(1100, True) == (ItemStatus.ACTION_REQUIRED, UserAction.CONFIRM_PRO)
	assert standing(1100, False) == (ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE)


@pytest.mark.parametrize("code", [1, 403, 1004, 1011, 9999])
def test_an_unknown_code_is_never_taken_for_well(code):
	assert standing(code, False) == (ItemStatus.ACTION_REQUIRED, UserAction.AUTHENTICATE)


@pytest.mark.parametrize("code", [-1, -4])
def test_an_unknown_code_below_zero_is_under_way(code):
	assert standing(code, False) == (ItemStatus.WAITING, UserAction.WAIT)


def test_the_table_is_whole():
	assert set(STANDINGS) == {code for code, _, _ in TABLE} | {1100}
