"""The fixture of pytest that ``docs/howto/testing.rst`` shows."""
from double_fixture import server, test_double

__all__ = ["server", "test_double"]
