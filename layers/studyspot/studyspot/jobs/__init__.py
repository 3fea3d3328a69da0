"""Jobs: work that outlives the request which asked for it, with how far it is and what came of it.

States: `queued -> running -> done | failed`, and `cancelled` from queued, or from running when the job asks between two
steps whether it should stop. Whoever does the work starts, advances and closes its job in the transaction of the work;
the domains know what a job means, this one knows how it stands.
"""
