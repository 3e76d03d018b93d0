"""The WebSocket protocol as pure functions and state machines, without any input or output.

Nothing here knows Tornado, a socket, a clock or a log: bytes go in, events and bytes come out.
Imports go one way only::

    errors  <-  utf8, frames, headers
    errors, headers  <-  handshake
    errors, headers, compression  <-  deflate
    errors, utf8, frames  <-  message  <-  straight  <-  connection
"""
