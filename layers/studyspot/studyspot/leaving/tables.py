"""What becomes of each table when a tenant's data leaves: it moves, is only told, or stays, each with its reason."""

from __future__ import annotations

from typing import Any, LiteralString

MOVES = frozenset(
    {
        "booking_pauses", "booking_plan_rules", "booking_series", "waitlist_entries",
        "attendance", "attendance_corrections", "attendance_leaves",
        "attendance_scans", "bank_lines",
        "bookings", "communications", "consents", "coupons", "credit_note_items", "credit_notes",
        "delivery_events",
        "day_closes", "disputes", "dlt_headers", "expenses", "settlement_lines", "settlements",
        "fee_plan_libraries", "fee_plan_versions", "fee_plans", "files", "gateway_accounts", "guardian_requests",
        "holidays", "invoice_items", "invoice_sequences", "invoices", "ledger_entries", "ledger_transactions",
        "libraries", "lockers", "mandate_attempts", "mandate_debits", "mandates", "member_accounts",
        "membership_days", "membership_dues",
        "membership_freezes",
        "membership_periods", "memberships", "payment_attempts",
        "payment_captures", "payment_claims", "payment_events", "payment_resolutions",
        "payments", "privacy_requests", "receipts", "refunds",
        "retention_rules", "roles",
        "seat_allotments", "seat_blocks", "seat_occupancy", "seats", "shift_handovers", "shifts", "sms_templates",
        "student_adjustments", "student_guardians", "student_notes", "student_numbers",
        "students", "subscription_periods", "subscription_plans", "subscriptions", "suppression_list", "tenant_kyc",
        "tenant_settings", "users", "zones", "routing_rules", "account_fees",
        "holiday_effects", "library_hours", "library_settings", "seat_maps", "locker_assignments", "notices",
        "library_images", "enquiries",
    }
)  # fmt: skip
"""In the archive, and put back from it."""

TOLD = {
    "audit_logs": "the trail of one organisation is sealed for it and cannot be continued by another",
    "credit_ledger": "credits belong to the platform's account: another organisation has its own",
    "credit_reservations": "the same",
    "tenant_credit_wallets": "the same",
    "jobs": "work that was asked of this organisation, not of another",
    "impersonation_consents": "leave that was given to look into this organisation, not into another",
    "retention_runs": "what was done in this organisation, not in another",
    "tenant_gate": "the state of one organisation; another has its own plan and state",
    "webhook_events": "what vendors told about this organisation's orders; what it meant is in the payments",
}
"""In the archive to be read, and not put back."""

STAYS = {
    "api_keys": "a secret: keys are made anew",
    "audit_open": "the machinery of the trail",
    "audit_seals": "seals of a trail that is only told",
    "credit_allocations": "rows of the platform alone",
    "credit_master_wallet": "rows of the platform alone",
    "credit_purchases": "rows of the platform alone",
    "credit_vendors": "rows of the platform alone",
    "devices": "a secret: devices are paired anew",
    "email_tokens": "a secret that lasts for hours",
    "idempotency_keys": "answers kept for a day, for clients of this organisation",
    "import_changes": "what an import here changed, for taking it back here",
    "invitations": "a secret: people are invited anew",
    "kiosk_entries": "queues of devices, which are paired anew; what was seen is in the scans",
    "payment_cards": "hashes under this organisation's key: nothing elsewhere can be compared with them",
    "risk_events": "the same, and what was judged by them",
    "lockouts": "counts of failed sign-ins",
    "mfa_challenges": "a secret that lasts for minutes",
    "mfa_factors": "a secret: second factors are enrolled anew",
    "recovery_codes": "a secret: second factors are enrolled anew",
    "privacy_breaches": "rows of the platform alone",
    "otp_codes": "a secret that lasts for minutes",
    "outbox": "commands that are under way",
    "payment_links": "codes that lead to this organisation: links are made anew",
    "rate_buckets": "counts of a minute",
    "refresh_tokens": "a secret: people sign in anew",
    "schedule_runs": "what ran when, of the machinery",
    "sessions": "a secret: people sign in anew",
    "timers": "what is waited for, set anew by what waits",
    "webhook_attempts": "deliveries to endpoints that stay behind",
    "webhook_deliveries": "deliveries to endpoints that stay behind",
    "webhook_endpoints": "a secret: endpoints are named anew, with secrets of their own",
}
"""Never in an archive."""

WITHHELD: dict[str, dict[str, Any]] = {
    "users": {"password_hash": None},
    "gateway_accounts": {"credentials": "", "status": "disconnected"},
    "communications": {"sealed": None},
    "guardian_requests": {"code_hash": ""},
    "attendance_scans": {"phone": None},
    "jobs": {"file": None},
}
"""Columns that never leave, and what stands there in rows that come back: an account whose credentials stayed behind is
disconnected, a password is chosen anew."""

ROWS: dict[str, LiteralString] = {"files": "status = 'ready' AND purpose NOT IN ('export', 'archive')"}
"""Which rows of a table leave, where not all do: an archive does not hold the archives before it."""

SEEDED = frozenset({"sms_templates", "dlt_headers"})
"""Tables that every new organisation is given rows of: an organisation with no more than these is still empty, and what
comes takes their place."""

RETAINED: dict[str, tuple[str, ...]] = {
    "invoices": ("id", "number", "series", "financial_year", "subject_type", "subject_id", "period_start", "period_end",
                 "taxable_paise", "cgst_paise", "sgst_paise", "igst_paise", "total_paise", "status", "payment_id",
                 "issued_at", "kind", "purpose", "buyer_gstin", "place_of_supply", "paid_at", "voided_at",
                 "credited_paise"),
    "invoice_items": ("id", "invoice_id", "sac", "quantity", "taxable_paise", "gst_rate", "cgst_paise", "sgst_paise",
                      "igst_paise", "total_paise"),
    "credit_notes": ("id", "number", "series", "financial_year", "invoice_id", "refund_id", "taxable_paise",
                     "cgst_paise", "sgst_paise", "igst_paise", "total_paise", "status", "issued_at", "cancelled_at"),
    "credit_note_items": ("credit_note_id", "position", "sac", "gst_rate", "taxable_paise", "cgst_paise",
                          "sgst_paise", "igst_paise", "total_paise"),
    "receipts": ("id", "number", "series", "financial_year", "payment_id", "invoice_id", "method", "amount_paise",
                 "invoiced_paise", "deposit_paise", "ahead", "issued_at"),
    "payments": ("id", "purpose", "purpose_id", "amount_paise", "currency", "gateway", "gateway_order_id",
                 "gateway_payment_id", "method", "status", "fee_paise", "captured_paise", "refunded_paise",
                 "captured_at", "settled_at", "created_at"),
    "payment_captures": ("id", "payment_id", "gateway", "gateway_order_id", "gateway_payment_id", "amount_paise",
                         "fee_paise", "tax_paise", "captured_at"),
    "refunds": ("id", "payment_id", "capture_id", "amount_paise", "status", "kind", "gateway", "gateway_refund_id",
                "created_at", "succeeded_at"),
    "ledger_transactions": ("id", "kind", "reference_id", "created_at", "booked_on", "reverses"),
    "ledger_entries": ("id", "transaction_id", "account", "amount_paise", "created_at"),
}  # fmt: skip
"""What books and invoices need, named column by column: none of them holds a name, an address or free text."""


def withheld(table: str) -> frozenset[str]:
    return frozenset(WITHHELD.get(table, ()))
