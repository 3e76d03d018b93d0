"""How late the loop is: docs/operations/monitoring.rst."""
import asyncio
import time


async def watch_lag(report, interval=1.0):
    """Calls ``report`` every second with the seconds that the loop came too late for it."""
    while True:
        due = time.monotonic() + interval
        await asyncio.sleep(interval)
        report(time.monotonic() - due)
