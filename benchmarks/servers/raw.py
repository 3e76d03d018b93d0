"""What the raw programs share: the answer to an opening handshake, and nothing more.

They send back the bytes of the frames as they came: the limit for any implementation.
"""
import base64
import hashlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def response(request):
    """Returns the answer to the bytes of an opening handshake."""
    key = request.lower().index(b"sec-websocket-key:") + len(b"sec-websocket-key:")
    value = request[key:request.index(b"\r\n", key)].strip()
    accept = base64.b64encode(hashlib.sha1(value + GUID).digest())
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
