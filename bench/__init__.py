"""The budgets of the product, measured as ratios: `python -m bench` prints each beside its limit."""
