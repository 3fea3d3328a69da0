"""Every statement on identity's tables, by what it asks about."""
