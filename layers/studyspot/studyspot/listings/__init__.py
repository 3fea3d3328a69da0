"""The public directory: libraries of every organisation that wants to be found, and who asks about them.

A listing's name (`slug`) is its row's key in core; that it is listed is the library's own `listed_as` in its cell, and
without it neither search nor page show anything. States of a listing: taken (its facts are not told yet), told. An
enquiry is kept with its consent until CRM or retention takes it.
"""
