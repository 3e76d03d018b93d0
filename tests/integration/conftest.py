"""Puts this directory in ``sys.path``: what the tests below share are modules in it."""
