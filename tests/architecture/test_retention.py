"""Every table either loses what was kept long enough, or says why it keeps everything."""

from __future__ import annotations

import psycopg
from studyspot.privacy.queries.retention import KINDS, SHARED

from tests.architecture.sources import none_of
from tests.world import World

KEPT = {
    "books: eight years by the Companies Act, and nobody deletes them by schedule": """
        credit_allocations credit_ledger credit_master_wallet credit_purchases credit_reservations credit_vendors
        credit_notes day_closes expenses gateway_accounts invoices ledger_entries ledger_transactions mandates
        mandate_attempts mandate_debits
        payment_attempts payment_captures payment_claims payment_resolutions bank_lines receipts
        disputes payment_events payments recon_items recon_runs refunds settlement_lines settlements
        subscription_periods subscription_plans subscriptions tenant_credit_wallets""",
    "what was bought, booked and attended: what the books are explained by": """
        attendance attendance_scans bookings coupons fee_plan_versions fee_plans fee_rows gateway_fees account_fees
        member_accounts booking_pauses booking_plan_rules booking_series waitlist_entries
        membership_dues membership_freezes membership_periods memberships seat_allotments seat_blocks seat_occupancy
        shift_handovers student_adjustments""",
    "one small row a day, which says that the day was worked off": "membership_days",
    "how a visit came to say what it says: as long as the visit": """
        attendance_corrections attendance_leaves kiosk_entries""",
    "the trail and its seals: only ever added to": "audit_anchors audit_logs audit_seals",
    "people and their rights: they go when somebody leaves or asks, not by age": """
        admin_users api_keys consents devices identities impersonation_consents library_owners mfa_factors
        privacy_requests recovery_codes roles students student_guardians student_notes suppression_list
        users""",
    "what an organisation is and has set: a few rows, as many as there are things": """
        dlt_headers entitlement_overrides holidays libraries library_codes library_listings lockers retention_rules
        seats shifts sms_templates tenant_gate tenant_kyc tenant_settings webhook_endpoints zones routing_rules
        platform_rules""",
    "how a library is run: as many rows as somebody changes": """
        library_images library_settings locker_assignments notices seat_maps""",
    "the directory: who exists, where, and what became of it": """
        cells closed_tenants gateway_account_owners gateway_orders offboardings provisioning_steps tenant_moves
        tenants""",
    "which releases came when, what they switch on, and which keys have signed": """
        feature_flags schema_migrations schema_wave_cells schema_waves signing_keys""",
    "figures of law, and breaches of it: what was in force is shown as long as anybody can ask": """
        privacy_breaches statutory_params statutory_proposals""",
    "figures of a day, without a person": "platform_analytics",
    "a switch that somebody turns back: a row a gateway at most": "gateway_circuits",
    "forgotten by what writes them, as it writes": "request_log_batches request_minutes signups",
}
"""Reasons, and the tables that stay for them."""

DATED = """
    SELECT DISTINCT c.table_name FROM information_schema.columns c
    JOIN pg_class t ON t.relname = c.table_name AND t.relkind IN ('r','p') AND t.relnamespace = 'public'::regnamespace
    WHERE c.table_schema = 'public' AND c.data_type IN ('timestamp with time zone','date')"""
CASCADING = """
    SELECT k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
    WHERE k.contype = 'f' AND k.confdeltype = 'c' AND k.connamespace = 'public'::regnamespace"""
WHERE = "give it a row in KINDS of studyspot/privacy/queries/retention.py, or a reason in tests/architecture"


def test_every_table_that_grows_with_time_is_emptied_or_says_why_not(world: World) -> None:
    cleaned = {kind.table for kind in KINDS.values()} | SHARED.keys()
    kept = [table for tables in KEPT.values() for table in tables.split()]
    none_of(f"{table} is named twice" for table in kept if kept.count(table) > 1)
    none_of(f"{table} is both kept and cleaned" for table in kept if table in cleaned)
    dated: set[str] = set()
    gone_with: set[str] = set()
    for dbname in ("pool_1", "studyspot"):
        with psycopg.connect(world.postgres.dsn(dbname)) as conn:
            dated |= {str(table) for (table,) in conn.execute(DATED)}
            gone_with |= {str(child) for child, parent in conn.execute(CASCADING) if parent in cleaned}
    none_of(f"{table} is kept, and goes with another" for table in gone_with & set(kept))
    dated -= gone_with
    assert len(dated) > 60
    none_of(f"{table}: {WHERE}" for table in sorted(dated - cleaned - set(kept)))
    none_of(f"{table} is no table that holds a date" for table in sorted(set(kept) - dated))


def test_a_kind_of_the_directory_is_a_table_of_the_directory_alone(world: World) -> None:
    with psycopg.connect(world.postgres.dsn("pool_1")) as conn:
        in_cells = {str(table) for (table,) in conn.execute(DATED)}
    for kind in KINDS.values():
        assert kind.core is (kind.table not in in_cells), kind.table
