"""Banks' statements as they are: what stands above, columns by every name, credits that name their transfer."""

from __future__ import annotations

import pytest
from studyspot.desk import statements
from studyspot.kit.clock import INDIA
from studyspot.kit.errors import Invalid

from tests.desk.till import PRICE, Till
from tests.world import World

RRN = "412345678901"
WITH_PREAMBLE = """Statement of account,,,,,,
From : 01/11/2026,To : 01/12/2026,,,,,
,,,,,,
Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance
01/12/26,UPI-SOMEBODY-X@OKBANK-412345678901-FEES,0000412345678901,01/12/26,,"1,180.00","51,180.00"
01/12/26,UPI-SHOP-Y@OKBANK-412345678902-TEA,0000412345678902,01/12/26,20.00,,"51,160.00"
01/12/26,CASH DEPOSIT,,01/12/26,,500.00,"51,660.00"
"""
ONE_AMOUNT = "\n".join(
    (
        "Txn Date;Description;Amount;Dr/Cr",
        "01-Dec-2026 10:15:00;UPI/CR/412345678901/NAME/fees;1180.00;CR",
        "01-Dec-2026 10:16:00;UPI/DR/412345678903/NAME/rent;9000.00;DR",
    )
)
BY_NUMBER = "\ufeffTransaction Date\tUTR No.\tCredit (INR)\tRemarks\n2026-12-01\t412345678901\tRs 1180\tfees\n"


@pytest.mark.parametrize(("text", "others"), [(WITH_PREAMBLE, 2), (ONE_AMOUNT, 1), (BY_NUMBER, 0)])
def test_a_credit_is_found_however_the_bank_writes_it(text: str, others: int) -> None:
    ((line,), ignored) = statements.read(text)
    assert (line.rrn, line.amount_paise, ignored) == (RRN, 118_000, others)
    assert f"{line.credited_at.astimezone(INDIA):%Y-%m-%d}" == "2026-12-01"


NO_STATEMENT = [
    "",
    "a,b,c\n1,2,3",
    "Date,Narration\n",
    "\x00",
    '"',
    "Date,Credit,Amount\n" * 99,
    'Date,"' + "x" * 200_000,
]


@pytest.mark.parametrize("text", NO_STATEMENT)
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        statements.read(text)


@pytest.mark.parametrize(
    "row",
    [
        "01/12/2026,UPI 412345678901,0.00", "01/12/2026,UPI 412345678901,-5", "01/12/2026,UPI 412345678901,1.005",
        "01/12/2026,UPI 412345678901,1e9", "31/02/2026,UPI 412345678901,5", "01/12/2026,UPI 4123456789012,5",
        "01/12/2026,NEFT 412345678901,5", "01/12/2026,UPI 412345678901,99999999999999", "01/12/2026", "=1+1,=2,=3",
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_trusted_decides_nothing(row: str) -> None:
    assert statements.read(f"Date,Narration,Credit\n{row}\n") == ([], 1)


def test_the_banks_file_decides_the_claims_in_it(world: World) -> None:
    till = Till(world)
    till.policies(upiAddress="silent@okbank")
    _, due = till.join()
    claim = till.claim(due["id"], RRN).data
    path, body = "/payments/upi/statement", {"csv": WITH_PREAMBLE}
    taken = till.ask("collections", "POST", path, body).data
    assert taken == {"imported": 1, "known": 0, "ignored": 2, "approved": 1, "left": 0}
    assert till.claims("?status=approved")[0]["id"] == claim["id"]
    assert till.books()["asset.bank"] == PRICE
    refused = till.ask("collections", "POST", path, {"csv": "nothing"})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "csv")
