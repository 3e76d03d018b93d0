"""Every difference between Tornado 4.3 ... newest and Python 2.7 ... newest that we have to know.

Only the modules of this wing look at versions. What they export is named after what it does, so
the rest of the package reads the same for all of them. Each branch says in one comment of one form
which versions it is for.
"""
