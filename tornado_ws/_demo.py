"""The application behind ``python -m tornado_ws serve``.

``/echo`` sends every message back, ``/chat`` passes what one client says on to all, and the
page at ``/`` talks to both. It uses the public interface only and may serve as an example.

No client can hurt another. ``serial_messages`` makes a handler take the next message only when
the answer to the one before has left, so a client that does not read is not read from either.
Chat lines have to go out to everybody at once: who falls too far behind is shut out.
"""
from __future__ import absolute_import, division, print_function

import itertools

from tornado import gen, httpserver, iostream, locks, web
from tornado.ioloop import IOLoop

from tornado_ws import websocket

CLOSE_GOING_AWAY = 1001
CLOSE_UNSUPPORTED_DATA = 1003
CLOSE_POLICY_VIOLATION = 1008

PING_SECONDS = 30
GOODBYE_SECONDS = 1
MAX_CHAT_BYTES = 4096
MAX_NAME_LENGTH = 32
MAX_UNSENT = 500


class Client(websocket.WebSocketHandler):
    """A connection which the application can find again to say goodbye."""

    serial_messages = True

    def get_compression_options(self):
        """Agree to permessage-deflate with whoever offers it."""
        return {}

    def open(self):
        """Enter the client into the application's list."""
        self.application.clients.add(self)

    def on_close(self):
        """Strike the client off the application's list."""
        self.application.clients.discard(self)
        self.application.client_left.notify_all()

    @gen.coroutine
    def send(self, message, binary=False):
        """Send ``message`` if the client is still there; the Future resolves when it has left."""
        try:
            yield self.write_message(message, binary=binary)
        except websocket.WebSocketClosedError:
            pass  # on_close tells.


class Echo(Client):
    """Sends every message back as it came, text as text and binary as binary."""

    def on_message(self, message):
        """Answer ``message`` with itself."""
        return self.send(message, binary=isinstance(message, bytes))


class Chat(Client):
    """Passes each text on to all chat clients, together with who joins and who leaves.

    A client sends plain text and receives JSON objects with a ``type`` and a ``name``: ``join`` and
    ``leave`` (with ``present``, the number of clients there now) and ``message`` (with ``text``).
    ``/chat?name=Ann`` names a client; without it the client is a numbered guest.
    """

    max_message_size = MAX_CHAT_BYTES

    def prepare(self):
        """Name the client; an undecodable name is refused with 400 before the handshake."""
        name = self.get_query_argument("name", "")[:MAX_NAME_LENGTH]
        self.name = name or "guest %d" % next(self.application.guests)
        self.unsent = 0

    def open(self):
        """Tell all, the new client too, who has come."""
        super(Chat, self).open()
        self.tell_all(type="join", present=len(self.everybody()))

    @gen.coroutine
    def on_message(self, message):
        """Tell all what the client says; its own copy sets the pace, and others get their turn."""
        if isinstance(message, bytes):
            self.close(CLOSE_UNSUPPORTED_DATA, "text only")
        else:
            yield self.tell_all(type="message", text=message)
            yield gen.moment

    def on_close(self):
        """Tell those who stay who has left."""
        super(Chat, self).on_close()
        self.tell_all(type="leave", present=len(self.everybody()))

    def everybody(self):
        """Return the list of the chat's clients."""
        return [client for client in self.application.clients if isinstance(client, Chat)]

    def tell_all(self, **event):
        """Send ``event`` under this client's name to all; returns the Future of its own copy."""
        event["name"] = self.name
        for client in self.everybody():
            if client is not self:
                client.tell(event)
        return self.tell(event)

    @gen.coroutine
    def tell(self, event):
        """Send ``event`` to this client, or close it if it leaves too many of them unread."""
        if self.unsent == MAX_UNSENT:
            self.close(CLOSE_POLICY_VIOLATION, "too slow")
        else:
            self.unsent += 1
            yield self.send(event)
            self.unsent -= 1


class Page(web.RequestHandler):
    """The page that talks to both endpoints."""

    def get(self):
        """Answer with the page."""
        self.write(PAGE)


class Application(web.Application):
    """The demo: three handlers and the list of the clients that are connected."""

    def __init__(self):
        super(Application, self).__init__(
            [("/", Page), ("/echo", Echo), ("/chat", Chat)], websocket_ping_interval=PING_SECONDS)
        self.clients = set()
        self.client_left = locks.Condition()
        self.guests = itertools.count(1)

    @gen.coroutine
    def say_goodbye(self):
        """Close all clients with 1001; who has not answered in time is cut off."""
        deadline = IOLoop.current().time() + GOODBYE_SECONDS
        for client in list(self.clients):
            client.close(CLOSE_GOING_AWAY, "going away")
        while self.clients and (yield self.client_left.wait(deadline)):
            pass
        for client in list(self.clients):
            client.stream.close()


@gen.coroutine
def serve(listeners, stop):
    """Serve the demo on listening sockets until a byte can be read from a socket.

    Args:
        listeners: a list of listening sockets, as ``tornado.netutil.bind_sockets`` returns it.
        stop: a connected socket; the first byte that arrives on it ends the service.
    """
    application = Application()
    server = httpserver.HTTPServer(application)
    server.add_sockets(listeners)
    yield iostream.IOStream(stop).read_bytes(1)
    server.stop()
    yield application.say_goodbye()
    yield server.close_all_connections()


PAGE = u"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>tornado_ws</title>
<link rel="icon" href="data:,">
<style>
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #223;
         background: #f4f5f8; font: 16px/1.5 system-ui, sans-serif; }
  main { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }
  section { padding: 1rem; border-radius: .5rem; background: #fff; box-shadow: 0 1px 4px #0002; }
  h1, h2, form { margin: 0 0 .5rem; }
  h2 { float: left; line-height: 1.3; }
  header { overflow: auto; }
  header button { float: right; }
  form { display: flex; gap: .5rem; }
  input { flex: 1; min-width: 0; }
  input, button { padding: .3rem .7rem; border: 1px solid #bbc; border-radius: .3rem;
                  font: inherit; }
  ol { height: 18rem; margin: 0; padding: .5rem; overflow-y: auto; list-style: none;
       background: #f4f5f8; border-radius: .3rem; overflow-wrap: anywhere; }
  .state::before { content: "\\25cf  "; color: #c33; }
  .open .state::before { color: #2a5; }
  .note { color: #778; }
  .sent { color: #35b; }
</style>
<h1>tornado_ws</h1>
<main></main>
<template>
  <section>
    <header><h2></h2><button></button></header>
    <p class="state" role="status"></p>
    <form><input maxlength="1000" autocomplete="off" required placeholder="Say something">
      <button>Send</button></form>
    <ol role="log"></ol>
  </section>
</template>
<script>
"use strict";
function panel(name, describe, showSent) {
  const part = document.querySelector("template").content.cloneNode(true).firstElementChild;
  const [title, toggle, state, form, input, log] =
    ["h2", "header button", ".state", "form", "input", "ol"].map(s => part.querySelector(s));
  const url = new URL(name, location.href.replace(/^http/, "ws"));
  let socket;
  function note(text, kind) {
    const line = document.createElement("li");
    line.textContent = text;
    line.className = kind || "";
    log.append(line);
    if (log.children.length > 500) log.firstChild.remove();
    log.scrollTop = log.scrollHeight;
  }
  function show(text, open, label) {
    state.textContent = text;
    toggle.textContent = label;
    part.classList.toggle("open", open);
    for (const control of form.elements) control.disabled = !open;
  }
  function connect() {
    socket = new WebSocket(url);
    show("connecting", false, "Cancel");
    socket.onopen = () =>
      show("connected" + (socket.extensions ? ", compressed" : ""), true, "Disconnect");
    socket.onmessage = event => note(...describe(event.data));
    socket.onclose = event => {
      show("closed", false, "Connect");
      note(`closed: ${event.code} ${event.reason}`, "note");
    };
  }
  title.textContent = "/" + name;
  toggle.onclick = () => socket.readyState === WebSocket.CLOSED ? connect() : socket.close(1000);
  form.onsubmit = event => {
    event.preventDefault();
    socket.send(input.value);
    if (showSent) note("> " + input.value, "sent");
    input.value = "";
    input.focus();
  };
  document.querySelector("main").append(part);
  connect();
}
panel("echo", data => ["< " + data], true);
panel("chat", data => {
  const {type, name, text, present} = JSON.parse(data);
  return type === "message" ? [`${name}: ${text}`]
    : [`${name} ${type === "join" ? "joined" : "left"}, ${present} here`, "note"];
});
</script>
"""
