"""Every statement on expenses and closed days, and the ledger as reports read it."""
