"""A plugin of pytest for the tests of New Relic's agent: it asks nobody what cloud it is in."""
from __future__ import absolute_import, division, print_function

from newrelic.core.config import global_settings

utilization = global_settings().utilization
for name in list(vars(utilization)):
    if name.startswith("detect_"):
        setattr(utilization, name, False)
