"""SQL of the wallets: a tenant's own rows, and the operator's side in tenant zero."""
