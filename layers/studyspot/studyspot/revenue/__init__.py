"""Revenue: what the ledger says, told to people - what came in, what was spent, what is still to be earned, day by day.

Figures are the ledger's, or are shown beside the balance they have to agree with. An expense is `recorded`, and posted
with its tax; `void` reverses it. A day of a library is open until somebody counts its cash and closes it: from then on
the database takes no more cash of it, nor an expense, but what reverses one.
"""
