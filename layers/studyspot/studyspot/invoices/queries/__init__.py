"""Every statement on invoices, and on what they are made of."""
