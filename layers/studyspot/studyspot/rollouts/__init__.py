"""Rollouts: a release's migrations, cell by cell, those of the chosen tenants first, stopped by the first failure.

States of a wave: `running` until every cell is done, then `done`; `stopped` when a batch had a failure, with the cells
after it untouched. A cell is a batch's unit: tenants of a shared cell are migrated together.
"""
