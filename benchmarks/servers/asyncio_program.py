"""A raw asyncio protocol: every piece of data goes back as it came."""
import asyncio

import common
import raw

ARGS = common.arguments()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.request = b""

    def data_received(self, data):
        if self.request is None:
            self.transport.write(data)
            return
        self.request += data
        if self.request.endswith(b"\r\n\r\n"):
            self.transport.write(raw.response(self.request))
            self.request = None


async def serve():
    server = await asyncio.get_running_loop().create_server(
        Echo, sock=common.listen(), ssl=common.tls_context(ARGS.tls))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
