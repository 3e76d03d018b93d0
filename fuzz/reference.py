"""RFC 6455 and RFC 7692 once more, the slow and simple way, to compare the package with.

`decode` looks at all the bytes at once and copies freely. It shares no code with the package.
"""
import zlib

TAIL = b"\x00\x00\xff\xff"
MAX_FINAL_BLOCKS = 1024
CLOSE_CODES = set(range(1000, 1004)) | set(range(1007, 1015)) | set(range(3000, 5000))


class Wrong(Exception):
    """The peer did something wrong; the argument is the set of close codes that fit."""


class Inflater:
    """The receiving side of permessage-deflate.

    Args:
        wbits: The window, 8 to 15 bits.
        takeover: Whether the window goes on from message to message.
    """

    def __init__(self, wbits, takeover):
        self.wbits = wbits
        self.takeover = takeover
        self.context = None

    def inflate(self, data, final):
        """Return what the whole message inflates to; raise `zlib.error` for bad data."""
        rest, out, blocks = data + (TAIL if final else b""), b"", 0
        tail = len(TAIL) if final else 0
        while rest:
            self.context = self.context or zlib.decompressobj(-self.wbits)
            out += self.context.decompress(rest)
            rest = self.context.unused_data
            if not self.context.eof or not rest:
                break
            self.context = None
            blocks += 1
            if blocks > MAX_FINAL_BLOCKS:
                raise zlib.error("too many streams")
            if len(rest) <= tail:
                break
        if not self.takeover:
            self.context = None
        return out


def decode(data, masked, inflater, limit):
    """Decode everything that a peer sent.

    Args:
        data: Its bytes.
        masked: Whether it has to mask.
        inflater: An `Inflater`, or None without compression.
        limit: The most bytes of a message, or None.

    Returns:
        A list of events as (opcode, payload), and the set of close codes that fit the error
        after them: empty if there is none.
    """
    decoder = Decoder(masked, inflater, limit)
    try:
        while data and not decoder.closed:
            frame = decoder.frame(data)
            if frame is None:
                break
            data = data[frame[-1]:]
            decoder.take(*frame[:-1])
    except Wrong as error:
        return decoder.events, error.args[0]
    return decoder.events, set()


class Decoder:
    """The state of `decode` from frame to frame; arguments as there."""

    def __init__(self, masked, inflater, limit):
        self.masked, self.inflater, self.limit = masked, inflater, limit
        self.events = []
        self.closed = False
        self.opcode = None  # of the message in progress

    def frame(self, data):
        """Cut off a frame.

        Returns:
            None if its header is not complete, else FIN, the reserved bits, the opcode, the
            declared length, what is there of the payload, and the position after that.
        """
        first, second = data[0], data[1] if len(data) > 1 else None
        fin, rsv, opcode = first >> 7, first >> 4 & 7, first & 15
        if rsv and not (rsv == 4 and self.inflater and opcode in (1, 2)):
            raise Wrong({1002})
        if opcode not in (0, 1, 2, 8, 9, 10) or (opcode > 7 and not fin):
            raise Wrong({1002})
        if second is None:
            return None
        if second >> 7 != self.masked or (opcode > 7 and second & 127 > 125):
            raise Wrong({1002})
        size, start = second & 127, {126: 4, 127: 10}.get(second & 127, 2)
        if len(data) < start:
            return None
        if start > 2:
            size = int.from_bytes(data[2:start], "big")
            if size < (126 if start == 4 else 65536) or size >= 1 << 63:
                raise Wrong({1002})
        key = data[start:start + 4] if self.masked else b"\0\0\0\0"
        start += 4 * self.masked
        if len(data) < start:
            return None
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(data[start:start + size]))
        return fin, rsv, opcode, size, payload, start + len(payload)

    def take(self, fin, rsv, opcode, size, payload):
        """Make an event of a frame, or keep it as a fragment."""
        whole = len(payload) == size
        if opcode > 7:
            if whole:
                self.closed = opcode == 8
                self.events.append((opcode, _close(payload) if self.closed else payload))
            return
        if (opcode == 0) != (self.opcode is not None):
            raise Wrong({1002})
        if opcode:
            self.opcode, self.compressed, self.body, self.announced = opcode, rsv == 4, b"", 0
        self.announced += size
        if self.limit is not None and self.announced > self.limit:
            raise Wrong({1009})
        self.body += payload
        message = self.message(bool(fin and whole))
        if fin and whole:
            self.events.append((self.opcode, message))
            self.opcode = None

    def message(self, final):
        """Look at what has come of a message; return it."""
        body, limit = self.body, self.limit
        if self.compressed:
            body = self.inflated(final)
        too_big = limit is not None and len(body) > limit
        if too_big:
            body, final = body[:limit], False
        if self.opcode == 1:
            body = _text(body, final)
        if too_big:
            raise Wrong({1009})
        return body

    def inflated(self, final):
        """Inflate what has come of a message; unless it is final the window stays as it was."""
        context = self.inflater.context
        if not final:
            self.inflater.context = context.copy() if context else None
        try:
            return self.inflater.inflate(self.body, final)
        except zlib.error:
            # What came out before the bad data may be wrong as well.
            raise Wrong({1007, 1009})
        finally:
            if not final:
                self.inflater.context = context


def _close(payload):
    if not payload:
        return None, None
    code, reason = int.from_bytes(payload[:2], "big"), payload[2:]
    if len(payload) == 1 or code not in CLOSE_CODES:
        raise Wrong({1002})
    return code, _text(reason, True) or None


def _text(data, final):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if final or _hopeless(data[error.start:]):
            raise Wrong({1007})
        return None


def _hopeless(rest):
    """Tell whether no more bytes make characters of what is left of a text."""
    ends = [b"\x80", b"\xbf", b"\x80\x80", b"\x90\x80", b"\xa0\x80", b"\xbf\xbf",
            b"\x80\x80\x80", b"\x90\x80\x80", b"\xbf\xbf\xbf"]
    for end in ends:
        try:
            (rest + end).decode("utf-8")
        except UnicodeDecodeError:
            continue
        return False
    return True
