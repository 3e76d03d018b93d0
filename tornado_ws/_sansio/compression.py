"""What an application may ask of permessage-deflate (RFC 7692): its options, checked."""
from __future__ import absolute_import, division, print_function

import numbers

DEFAULT_LEVEL = 6
DEFAULT_MEM_LEVEL = 8
MIN_WINDOW_BITS = 8
MAX_WINDOW_BITS = 15

SERVER_NO_TAKEOVER = "server_no_context_takeover"
CLIENT_NO_TAKEOVER = "client_no_context_takeover"
SERVER_WINDOW_BITS = "server_max_window_bits"
CLIENT_WINDOW_BITS = "client_max_window_bits"

_INT_OPTIONS = {
    "compression_level": (-1, 9),
    "mem_level": (1, 9),
    "max_wbits": (MIN_WINDOW_BITS, MAX_WINDOW_BITS),
    SERVER_WINDOW_BITS: (MIN_WINDOW_BITS, MAX_WINDOW_BITS),
    CLIENT_WINDOW_BITS: (MIN_WINDOW_BITS, MAX_WINDOW_BITS),
    "min_size": (0, float("inf")),
}
BOOL_OPTIONS = (SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER)


def check_options(options):
    """Validate an application's compression options.

    ``compression_level``: -1 (zlib's own default) or 0 (stored) to 9 (smallest).
    ``mem_level``: 1 to 9. ``server_max_window_bits``, ``client_max_window_bits``: 8 to 15, the
    largest window for that direction. ``max_wbits``: 8 to 15, the window of the side that uses
    the options (for a server another name of ``server_max_window_bits``); given both, the smaller
    counts. ``server_no_context_takeover``, ``client_no_context_takeover``: bool.
    ``min_size``: shorter messages (bytes) go uncompressed, an int from 0.

    Args:
        options: A dict with any of these keys.

    Returns:
        A new dict.

    Raises:
        ValueError: For an unknown key or a wrong value; the message names the key.
    """
    if not isinstance(options, dict):
        raise ValueError("compression options must be a dict, not %s" % type(options).__name__)
    for key, value in options.items():
        if key in BOOL_OPTIONS:
            if not isinstance(value, bool):
                raise ValueError("compression option %s must be a bool, not %r" % (key, value))
        elif key in _INT_OPTIONS:
            _check_int(key, value, *_INT_OPTIONS[key])
        else:
            raise ValueError("unknown compression option %r" % (key,))
    return dict(options)


def _check_int(key, value, low, high):
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError("compression option %s must be an int, not %r" % (key, value))
    if not low <= value <= high:
        raise ValueError("compression option %s must be %s to %s: %r" % (key, low, high, value))


def own_bits(options, name):
    """Return the window that a side's options allow it: ``max_wbits`` counts for what it sends.

    Args:
        options: As `check_options` returns them.
        name: The name of the direction's own option.
    """
    return min(options.get("max_wbits", MAX_WINDOW_BITS), options.get(name, MAX_WINDOW_BITS))
