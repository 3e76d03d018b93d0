import concurrent.futures
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from socket import socket
from types import TracebackType
from typing import Any, ClassVar, TypeAlias, type_check_only

from tornado import httputil, web
from tornado.concurrent import Future
from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import Resolver
from tornado.simple_httpclient import _HTTPConnection
from tornado.websocket import WebSocketClosedError as _StockWebSocketClosedError
from tornado.websocket import WebSocketError as _StockWebSocketError

__all__ = [
    "WebSocketClientConnection",
    "WebSocketClosedError",
    "WebSocketError",
    "WebSocketHandler",
    "WebSocketProtocol",
    "WebSocketProtocol13",
    "websocket_connect",
    "_PerMessageDeflateCompressor",
    "_PerMessageDeflateDecompressor",
]

_Message: TypeAlias = str | bytes
_Outgoing: TypeAlias = str | bytes | bytearray | memoryview | dict[str, Any]
_CompressionOptions: TypeAlias = dict[str, Any]

# Can be awaited on the thread that runs the loop, and waited for on any other.
@type_check_only
class _Outcome(Future[None]):
    def result(self, timeout: float | None = None) -> None: ...
    def exception(self, timeout: float | None = None) -> BaseException | None: ...

# Any: overrides say ``Future[None]``, as Tornado does, or ``None``.
_Sent: TypeAlias = _Outcome | Any
# None on the thread that runs the loop.
_ThreadCall: TypeAlias = concurrent.futures.Future[None] | Any

class WebSocketError(_StockWebSocketError): ...
class WebSocketClosedError(WebSocketError, _StockWebSocketClosedError): ...

class WebSocketHandler(web.RequestHandler):
    serial_messages: ClassVar[bool | None]
    ws_connection: WebSocketProtocol13 | None
    close_code: int | None
    close_reason: str | None
    stream: IOStream | None
    open_args: tuple[str, ...]
    open_kwargs: dict[str, str]
    def __init__(
        self, application: web.Application, request: httputil.HTTPServerRequest, **kwargs: Any
    ) -> None: ...
    def get(self, *args: Any, **kwargs: Any) -> Any: ...
    def get_websocket_protocol(self) -> WebSocketProtocol13 | None: ...
    # Overrides take the groups of their URLSpec, so any arguments.
    open: Callable[..., Awaitable[None] | None]
    def on_message(self, message: Any) -> Awaitable[None] | None: ...
    def on_ping(self, data: bytes) -> Awaitable[None] | None: ...
    def on_pong(self, data: bytes) -> Awaitable[None] | None: ...
    def on_close(self) -> Awaitable[None] | None: ...
    def select_subprotocol(self, subprotocols: list[str]) -> str | None: ...
    def get_compression_options(self) -> _CompressionOptions | None: ...
    def check_origin(self, origin: str) -> bool: ...
    @property
    def ping_interval(self) -> float | None: ...
    @property
    def ping_timeout(self) -> float | None: ...
    @property
    def max_message_size(self) -> int | None: ...
    @property
    def selected_subprotocol(self) -> str | None: ...
    def write_message(self, message: _Outgoing, binary: bool = False) -> _Sent: ...
    def ping(self, data: str | bytes = b"") -> _ThreadCall: ...
    def close(self, code: int | None = None, reason: str | None = None) -> _ThreadCall: ...
    def set_nodelay(self, value: bool) -> None: ...
    def on_connection_close(self) -> None: ...
    def send_error(self, *args: Any, **kwargs: Any) -> None: ...

class WebSocketProtocol:
    handler: Any
    stream: IOStream | None
    client_terminated: bool
    server_terminated: bool
    def __init__(self, handler: Any) -> None: ...
    def on_connection_close(self) -> None: ...

class WebSocketProtocol13(WebSocketProtocol):
    FIN: int
    RSV1: int
    RSV2: int
    RSV3: int
    RSV_MASK: int
    OPCODE_MASK: int
    mask_outgoing: bool
    selected_subprotocol: str | None
    close_code: int | None
    close_reason: str | None
    io_loop: IOLoop | None
    thread: Any
    answers_later: bool
    ping_interval: float | None
    ping_timeout: float | None
    def __init__(
        self,
        handler: Any,
        mask_outgoing: bool = False,
        compression_options: _CompressionOptions | None = None,
        max_message_size: int | None = None,
        ping_interval: float | None = None,
        ping_timeout: float | None = 0,
    ) -> None: ...
    @staticmethod
    def compute_accept_value(key: str | bytes) -> str: ...
    @staticmethod
    def ping_sleep_time(last_ping_time: float, interval: float, now: float) -> float: ...
    def accept_connection(self, handler: WebSocketHandler | None = None) -> None: ...
    def write_message(self, message: _Outgoing, binary: bool = False) -> _Sent: ...
    def write_ping(self, data: str | bytes) -> _ThreadCall: ...
    def set_nodelay(self, value: bool) -> None: ...
    def is_closing(self) -> bool: ...
    def close(self, code: int | None = None, reason: str | None = None) -> _ThreadCall: ...
    def on_connection_close(self) -> None: ...
    # What other parts of the package call.
    @property
    def path(self) -> str: ...
    def begin(self, stream: IOStream, context: Any) -> Any: ...
    def notice_end(self, opcode: int, data: Any) -> None: ...
    def tell(self) -> None: ...
    def call_on_close(self, on_close: Callable[..., Any], *args: Any) -> None: ...
    def fail_callback(self) -> None: ...
    def log_callback_error(self, *exc_info: Any) -> None: ...

class WebSocketClientConnection(_HTTPConnection):
    selected_subprotocol: str | None
    key: str
    read_queue: deque[_Message]
    protocol: WebSocketProtocol13 | None
    close_code: int | None
    close_reason: str | None
    def __init__(
        self,
        io_loop: IOLoop,
        request: HTTPRequest,
        on_message_callback: Callable[[Any], Any] | None = None,
        compression_options: _CompressionOptions | None = None,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        max_message_size: int | None = None,
        subprotocols: Sequence[str] | None = None,
        resolver: Resolver | None = None,
        connect_future: Future[Any] | None = None,
    ) -> None: ...
    def __del__(self) -> None: ...
    @property
    def connect_future(self) -> Future[WebSocketClientConnection]: ...
    def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> Any: ...
    def get_websocket_protocol(self) -> WebSocketProtocol13: ...
    def read_message(
        self, callback: Callable[[Future[_Message | None]], Any] | None = None
    ) -> Future[_Message | None]: ...
    def on_message(self, message: _Message | None) -> Any: ...
    def on_ping(self, data: bytes) -> Any: ...
    def on_pong(self, data: bytes) -> Any: ...
    def __aiter__(self) -> WebSocketClientConnection: ...
    def __anext__(self) -> Future[_Message]: ...
    def write_message(self, message: _Outgoing, binary: bool = False) -> _Sent: ...
    def ping(self, data: str | bytes = b"") -> _ThreadCall: ...
    def close(self, code: int | None = None, reason: str | None = None) -> _ThreadCall: ...
    def on_connection_close(self) -> None: ...

class _ConnectFuture(Future[WebSocketClientConnection]):
    def __aenter__(self) -> Future[WebSocketClientConnection]: ...
    def __aexit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> Awaitable[None]: ...

def websocket_connect(
    url: str | HTTPRequest,
    io_loop: IOLoop | None = None,
    callback: Callable[[Future[WebSocketClientConnection]], Any] | None = None,
    connect_timeout: float | None = None,
    on_message_callback: Callable[[Any], Any] | None = None,
    compression_options: _CompressionOptions | None = None,
    ping_interval: float | None = None,
    ping_timeout: float | None = None,
    max_message_size: int | None = None,
    subprotocols: Sequence[str] | None = None,
    resolver: Resolver | None = None,
    # A subclass of WebSocketClientConnection.
    connection_class: type[Any] = ...,
    max_redirects: int = 0,
    proxy: str | bool | None = None,
    sock: socket | None = None,
    unix_socket: str | None = None,
) -> _ConnectFuture: ...

class _PerMessageDeflateCompressor:
    def __init__(
        self,
        persistent: bool,
        max_wbits: int | None,
        compression_options: _CompressionOptions | None = None,
    ) -> None: ...
    def compress(self, data: bytes) -> bytes: ...

class _PerMessageDeflateDecompressor:
    def __init__(
        self,
        persistent: bool,
        max_wbits: int | None,
        max_message_size: int | None = None,
        compression_options: _CompressionOptions | None = None,
    ) -> None: ...
    def decompress(self, data: bytes) -> bytes: ...
    def feed(self, data: bytes, final: bool, max_length: int | None) -> bytes: ...
    def feed_pieces(
        self, data: bytes, final: bool, max_length: int | None
    ) -> Iterator[tuple[bytes, bool]]: ...
