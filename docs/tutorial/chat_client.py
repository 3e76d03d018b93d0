"""Listens to the chat, and answers who asks for the time.

    python chat_client.py ws://127.0.0.1:8888/chat
"""
import asyncio
import sys
import time

from tornado.escape import json_decode, json_encode

from tornado_ws import websocket


async def listen(url, on_event):
    async with websocket.websocket_connect(url, ping_interval=20) as conn:
        await conn.write_message(json_encode({"type": "name", "text": "clock"}))
        async for message in conn:
            event = json_decode(message)
            on_event(event)
            if event["type"] == "say" and event["text"] == "What time is it?":
                await conn.write_message(json_encode({"type": "say", "text": time.strftime("%X")}))
        print("closed:", conn.close_code, conn.close_reason)


if __name__ == "__main__":
    try:
        asyncio.run(listen(sys.argv[1], print))
    except KeyboardInterrupt:
        pass
