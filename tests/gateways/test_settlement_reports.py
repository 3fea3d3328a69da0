"""The files that dashboards give, each in its own words, say the same thing once they are read."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyspot.gateways.settlements import READERS, ReportLine, UnreadableReport, read

DAY = date(2026, 12, 3)


def line(gateway: str, text: str) -> ReportLine:
    (found,) = read(gateway, text)
    return found


def facts(found: ReportLine) -> tuple[object, ...]:
    amounts = (found.gross_paise, found.fee_paise, found.gst_paise, found.net_paise)
    return (found.kind, found.entity_id, found.order_id, found.settlement_id, found.settled_on, *amounts)


def test_razorpay_by_api_names_and_as_the_dashboard_writes_it() -> None:
    api = (
        "entity_id,type,debit,credit,amount,currency,fee,tax,settled,settled_at,settlement_id,settlement_utr,order_id\n"
        "pay_1,payment,0,97640,100000,INR,2360,360,True,1796277600,setl_1,U1,order_1\n"
        "pay_2,payment,0,97640,100000,INR,2360,360,False,,,,order_2\n"
    )
    dashboard = (
        "\ufeffTransaction Entity,Entity ID,Amount,Currency,Fee (Exclusive Tax),Tax,Debit,Credit,Order ID,"
        "Settlement ID,Settled At,Settlement UTR\r\n"
        'payment,pay_1,"1,000.00",INR,20.00,3.60,0,976.40,order_1,setl_1,03/12/2026 11:30:00,U1\r\n'
    )
    wanted = ("payment", "pay_1", "order_1", "setl_1", DAY, 100000, 2000, 360, 97640)
    assert facts(line("razorpay", api)) == facts(line("razorpay", dashboard)) == wanted


def test_razorpay_takes_and_gives_back_for_a_dispute() -> None:
    head = (
        "entity_id,type,debit,credit,amount,currency,fee,tax,settled,settled_at,settlement_id,dispute_id,payment_id\n"
    )
    taken = line("razorpay", head + "adj_1,adjustment,5000,0,5000,INR,0,0,1,1796277600,setl_1,disp_1,pay_1\n")
    back = line("razorpay", head + "adj_2,adjustment,0,5000,5000,INR,0,0,1,1796277600,setl_1,disp_1,pay_1\n")
    assert (taken.kind, taken.entity_id, taken.gross_paise, taken.net_paise) == ("dispute", "disp_1", -5000, -5000)
    assert (back.kind, back.entity_id, back.net_paise) == ("dispute_reversal", "disp_1", 5000)


def test_cashfree_says_which_way_it_goes_beside_the_amount() -> None:
    head = (
        "Event Type,Sale Type,Event ID,Event Currency,Event Amount,Event Settlement Amount,Payment Service Charge,"
        "Payment Service Tax,CF Payment ID,CF Refund ID,Refund ID,Order ID,CF Settlement ID,Settlement Date\n"
    )
    paid = line("cashfree", head + "PAYMENT,CREDIT,1,INR,170,164.69,4.50,0.81,77,,,o1,9,2026-12-03T11:00:00+05:30\n")
    back = line("cashfree", head + "REFUND,DEBIT,2,INR,70.5,70.5,0,0,77,88,rf_1,o1,9,2026-12-02T23:00:00Z\n")
    assert facts(paid) == ("payment", "77", "o1", "9", DAY, 17000, 450, 81, 16469)
    assert facts(back) == ("refund", "88", "o1", "9", DAY, -7050, 0, 0, -7050)
    assert (back.reference, back.payment_id) == ("rf_1", "77")


def test_paytm_by_api_names_and_as_the_dashboard_writes_it() -> None:
    api = "txnId,txnType,txnAmount,orderId,utr,payoutId,payoutDate,settleAmount,commission,gst\n"
    dashboard = (
        "Transaction_ID,Transaction_Type,Amount,Order_ID,UTR_No,Payout_ID,Payout_Date,Settled_Amount,Commission,GST\n"
    )
    row = "T1,ACQUIRING,499.00,o1,U1,P1,2026-12-03,487.94,9.37,1.69\n"
    wanted = ("payment", "T1", "o1", "P1", DAY, 49900, 937, 169, 48794)
    assert facts(line("paytm", api + row)) == facts(line("paytm", dashboard + row)) == wanted
    refund = line("paytm", dashboard + "T2,REFUND,10.00,o1,U1,P1,2026-12-03,-10.00,0,0\n")
    assert (refund.kind, refund.gross_paise, refund.net_paise) == ("refund", -1000, -1000)
    assert read("paytm", dashboard + "T3,ACQUIRING,10.00,o1,,,,,0,0\n") == [], "not paid out yet"


def test_stripe_with_and_without_its_tax_apart() -> None:
    head = (
        "balance_transaction_id,currency,gross,fee,{tax}net,reporting_category,source_id,payment_intent_id,"
        "automatic_payout_id,automatic_payout_effective_at\n"
    )
    one = "txn_1,inr,1000.00,35.40,{tax}964.60,charge,ch_1,pi_1,po_1,2026-12-03 00:00:00\n"
    whole = line("stripe", head.format(tax="") + one.format(tax=""))
    apart = line("stripe", head.format(tax="tax,") + one.format(tax="5.40,"))
    assert facts(whole) == ("payment", "pi_1", "pi_1", "po_1", DAY, 100000, 3540, None, 96460)
    assert facts(apart) == ("payment", "pi_1", "pi_1", "po_1", DAY, 100000, 3000, 540, 96460)
    refund = "txn_2,inr,-10.00,0.00,-10.00,refund,re_1,pi_1,po_1,2026-12-03 00:00:00\n"
    assert facts(line("stripe", head.format(tax="") + refund))[:2] == ("refund", "re_1")


@given(st.sampled_from(sorted(READERS)), st.text(max_size=300))
def test_whatever_is_sent_is_read_or_refused(gateway: str, text: str) -> None:
    try:
        read(gateway, text)
    except UnreadableReport as fault:
        assert str(fault).startswith("line ")


CELL = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "-1", "1e9", "9" * 30, "١٢", "0x1", "NaN", "2026-13-45", "1.005"])
)


@given(st.sampled_from(sorted(READERS)), st.lists(CELL, min_size=13, max_size=13))
def test_whatever_stands_in_a_cell_is_read_or_refused(gateway: str, cells: list[str]) -> None:
    heads = {
        "razorpay": "entity_id,type,debit,credit,amount,currency,fee,tax,settled,settled_at,settlement_id,order_id,x",
        "cashfree": "event_type,sale_type,event_id,event_currency,event_amount,event_settlement_amount,"
        "payment_service_charge,payment_service_tax,cf_payment_id,cf_refund_id,order_id,cf_settlement_id,settlement_date",
        "paytm": "txnId,txnType,txnAmount,orderId,utr,payoutId,payoutDate,settleAmount,commission,gst,currency,x,y",
        "stripe": "balance_transaction_id,currency,gross,fee,tax,net,reporting_category,source_id,payment_intent_id,"
        "automatic_payout_id,automatic_payout_effective_at,x,y",
    }
    row = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    try:
        for found in read(gateway, f"{heads[gateway]}\n{row}\n"):
            assert all(isinstance(paise, int) for paise in (found.gross_paise, found.fee_paise, found.net_paise))
    except UnreadableReport as fault:
        assert str(fault).startswith("line ")


def test_a_file_too_long_for_one_request_is_brought_in_parts() -> None:
    head = "txnId,txnType,txnAmount,orderId,utr,payoutDate,settleAmount,commission,gst\n"
    row = "T1,SALE,1,o1,U1,2026-12-03,1,0,0\n"
    assert len(read("paytm", head + row * 20_000)) == 20_000
    with pytest.raises(UnreadableReport, match="line 20002: more than 20000 lines"):
        read("paytm", head + row * 20_001)


def test_a_number_in_another_script_is_no_amount() -> None:
    head = "txnId,txnType,txnAmount,orderId,utr,payoutDate,settleAmount,commission,gst\n"
    for row, words in (("١٢,o1,U1,2026-12-03", "no amount"), ("12,o1,U1,٢٠٢٦-١٢-٠٣", "no day")):
        with pytest.raises(UnreadableReport, match=words):
            read("paytm", f"{head}T1,SALE,{row},1,0,0\n")
