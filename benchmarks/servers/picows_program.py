"""picows: its own callback API."""
import asyncio

import common
import in_process
from picows import WSListener, WSMsgType, ws_connect, ws_create_server

ARGS = common.arguments()
OPTIONS = {"max_frame_size": common.MAX_MESSAGE}
TRANSPORTS = set()


class Listener(WSListener):
    def on_ws_connected(self, transport):
        self.count = 0
        self.writable = asyncio.Event()
        self.writable.set()
        TRANSPORTS.add(transport)

    def on_ws_disconnected(self, transport):
        TRANSPORTS.discard(transport)

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()


class Echo(Listener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


class Count(Listener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type != WSMsgType.BINARY:
            return
        frame.get_payload_as_bytes()  # the others, too, make an object of each message
        self.count += 1
        if not self.count % ARGS.every:
            transport.send(WSMsgType.TEXT, b"%d" % self.count)


class Send(Listener):
    def on_ws_frame(self, transport, frame):
        self.task = asyncio.ensure_future(self.send(transport, frame.get_payload_as_bytes()))

    async def send(self, transport, message):
        for i in range(1, ARGS.copies + 1):
            transport.send(WSMsgType.BINARY, message)
            if not i % common.DRAIN_EVERY:
                await self.writable.wait()


class FanOut(Listener):
    def on_ws_frame(self, transport, frame):
        message = frame.get_payload_as_bytes()
        for other in TRANSPORTS:
            other.send(WSMsgType.TEXT, message)


LISTENERS = {"echo": Echo, "count": Count, "count_callback": Count, "send": Send,
             "fanout": FanOut}
listener = LISTENERS[ARGS.mode]


def create_server(sock):
    return ws_create_server(lambda request: listener(), sock=sock,
                            ssl=common.tls_context(ARGS.tls), **OPTIONS)


async def serve():
    server = await create_server(common.listen())
    await server.serve_forever()


async def connect():
    transport, _ = await ws_connect(listener, ARGS.client, **OPTIONS)
    await transport.wait_disconnected()


async def connect_all(sock):
    url = "ws://127.0.0.1:%d/" % sock.getsockname()[1]
    return [asyncio.ensure_future(ws_connect(listener, url, **OPTIONS)) for _ in range(ARGS.conns)]


def drive():
    sock, loop = common.bind(), asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    used = loop.run_until_complete((connect_all if ARGS.client else create_server)(sock))
    run = in_process.drive_clients if ARGS.client else in_process.drive_server
    run(ARGS, in_process.asyncio_turn(loop), sock)
    return used


if __name__ == "__main__":
    if ARGS.in_process:
        drive()
    else:
        asyncio.run(connect() if ARGS.client else serve())
