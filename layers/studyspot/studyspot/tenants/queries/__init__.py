"""Every statement of the domain: `directory` on tenants, owners and gates, `saga` on setting up and sweeping."""
