"""CPU time per message of tornado_ws and its peers: ``python -m benchmarks``."""
