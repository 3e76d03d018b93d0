"""A raw Tornado IOStream: every piece of data goes back as it came."""
import asyncio

import common
import raw
from tornado.iostream import StreamClosedError
from tornado.tcpserver import TCPServer

ARGS = common.arguments()
CHUNK = 65536


class Echo(TCPServer):
    async def handle_stream(self, stream, address):
        stream.set_nodelay(True)
        try:
            await stream.write(raw.response(await stream.read_until(b"\r\n\r\n")))
            while True:
                stream.write(await stream.read_bytes(CHUNK, partial=True))
        except StreamClosedError:
            pass


async def serve():
    Echo(ssl_options=common.tls_context(ARGS.tls)).add_socket(common.listen())
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
