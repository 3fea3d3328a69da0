"""Moves: a working tenant leaves a shared cell for a database of its own, or comes back, and loses no row on the way.

States: `waiting` until all rows are copied, compared and closed here; `copied` while the directory turns to the other
cell; `moved` when the tenant works there, with its old copy kept for seven days; `dropped` when that copy is gone;
`failed` when nothing has changed. Writers are paused from the copy to the turn; readers go on.
"""
