"""``tornado.websocket`` with the installed Tornado's conventions, and the swap.

The replacement module starts as a copy of Tornado's own names, so that every one of them exists;
then ours take their places. Arguments are taken in the order that Tornado's own functions have:
their parameter names tell it.
"""
from __future__ import absolute_import, division, print_function

import sys
import types
import warnings

import tornado
import tornado.websocket as stock
from tornado import gen, queues
from tornado.ioloop import IOLoop

from tornado_ws import websocket
from tornado_ws._client import connect as _connect
from tornado_ws._client import connection as _client
from tornado_ws._compat import rules as _compat_rules
from tornado_ws._compat.imports import ModuleFinder
from tornado_ws._connection import protocol as _protocol
from tornado_ws._semantics import TORNADO_4_3, is_own_origin
from tornado_ws._server import handler as _handler

_NAME = "tornado.websocket"
_LIMIT = "_default_max_message_size"


def _name_arguments(function, args, kwargs):
    """Give positional arguments the names that they have in a function of Tornado's.

    Args:
        function: Tornado's function.
        args: Positional arguments.
        kwargs: Named arguments.

    Returns:
        A dict of all arguments by name.

    Raises:
        TypeError: There are too many, or one is given twice.
    """
    code = function.__code__
    names = code.co_varnames[:code.co_argcount]
    if len(args) > len(names):
        raise TypeError("%s() takes at most %d arguments (%d given)"
                        % (function.__name__, len(names), len(args)))
    named = dict(zip(names, args))
    for name in named:
        if name in kwargs:
            raise TypeError("%s() got multiple values for argument %r"
                            % (function.__name__, name))
    named.update(kwargs)
    return named


def _default_message_limit():
    # Programs set this attribute of tornado.websocket to change the limit.
    return getattr(_module, _LIMIT, None)


_semantics = TORNADO_4_3._replace(**dict(
    {"default_message_limit": _default_message_limit, "check_origin": is_own_origin},
    **_compat_rules.installed_rules()))


def _seconds(value):
    """Return what Tornado makes of a time: one below 0 is none."""
    return value if value is None or value > 0 else 0


class WebSocketProtocol13(_protocol.WebSocketProtocol13):
    __doc__ = _protocol.WebSocketProtocol13.__doc__
    _semantics = _semantics

    def __init__(self, *args, **kwargs):
        named = _name_arguments(stock.WebSocketProtocol13.__init__, (self,) + args, kwargs)
        del named["self"]
        # Tornado 6.0 put its _WebSocketParams where 4.3 has compression_options.
        self.params = params = named.pop("params", None)
        if params is None or isinstance(params, dict):
            named.setdefault("compression_options", params)
            params = named.get("handler")  # whose properties Tornado 4.5 reads
        else:
            named.setdefault("compression_options", params.compression_options)
        for name in ("ping_interval", "ping_timeout", "max_message_size"):
            named.setdefault(name, getattr(params, name, None))
        if named["max_message_size"] is None:
            named["max_message_size"] = _default_message_limit()
        interval = named["ping_interval"] = _seconds(named["ping_interval"] or 0)
        named["ping_timeout"] = _seconds(_semantics.ping_timeout(interval, named["ping_timeout"]))
        super(WebSocketProtocol13, self).__init__(**named)


class WebSocketHandler(_handler.WebSocketHandler):
    __doc__ = _handler.WebSocketHandler.__doc__
    _ws_semantics = _semantics
    _ws_protocol_class = WebSocketProtocol13


class ReadQueue(object):
    """What stands for the queue of a client's messages where Tornado has one (5.1 and later).

    Args:
        connection: The client connection.
    """

    def __init__(self, connection):
        self._connection = connection

    def get(self, timeout=None):
        """Read the next message, as ``read_message``.

        Args:
            timeout: When to give up: a time on the loop's clock, a ``timedelta`` from now, or None.

        Returns:
            A Future of the message; it fails with ``tornado.gen.TimeoutError`` if there is none.
        """
        future = self._connection.read_message()
        if timeout is not None and not future.done():
            loop = self._connection.io_loop
            handle = loop.add_timeout(timeout, self._give_up, future)
            future.add_done_callback(lambda future: loop.remove_timeout(handle))
        return future

    @staticmethod
    def _give_up(future):
        if not future.done():
            future.set_exception(gen.TimeoutError("no message has come in time"))

    def get_nowait(self):
        """Read the next message if there is one, or None after the end.

        Raises:
            QueueEmpty: There is none.
        """
        connection = self._connection
        if connection._ws_queue:
            return connection._ws_take()
        if connection._ws_closed:
            return None
        raise queues.QueueEmpty()

    def qsize(self):
        """Return how many messages wait to be read."""
        return len(self._connection._ws_queue)

    def empty(self):
        """Tell whether none does."""
        return not self._connection._ws_queue


class WebSocketClientConnection(_client.WebSocketClientConnection):
    __doc__ = _client.WebSocketClientConnection.__doc__
    if not _semantics.queue_is_deque:
        read_queue = property(ReadQueue)
    _ws_semantics = _semantics
    _ws_protocol_class = WebSocketProtocol13

    def __init__(self, *args, **kwargs):
        named = _name_arguments(stock.WebSocketClientConnection.__init__, (self,) + args, kwargs)
        del named["self"]
        named.setdefault("io_loop", IOLoop.current())
        if named.get("max_message_size") is None:
            named["max_message_size"] = _default_message_limit()
        interval = named.get("ping_interval")
        if interval:
            named["ping_timeout"] = _semantics.ping_timeout(interval, named.get("ping_timeout"))
        super(WebSocketClientConnection, self).__init__(**named)


def websocket_connect(*args, **kwargs):
    named = _name_arguments(stock.websocket_connect, args, kwargs)
    if named.get("callback") is not None:
        _compat_rules.warn_of_callback()
    for name in ("ping_interval", "ping_timeout"):
        if name in named:
            named[name] = _seconds(named[name])
    return _connect.websocket_connect(connection_class=WebSocketClientConnection, **named)


websocket_connect.__doc__ = _connect.websocket_connect.__doc__
websocket_connect.__wrapped__ = stock.websocket_connect  # for ``inspect.signature``
for _class in WebSocketProtocol13, WebSocketClientConnection:
    vars(_class)["__init__"].__wrapped__ = vars(getattr(stock, _class.__name__))["__init__"]


_module = types.ModuleType(_NAME, stock.__doc__)
_module.__file__ = __file__


def _fill_module():
    for source in (stock, websocket):
        _module.__dict__.update((name, value) for name, value in vars(source).items()
                                if not (name.startswith("__") and name.endswith("__")))
    for ours in (WebSocketHandler, WebSocketClientConnection, WebSocketProtocol13,
                 websocket_connect):
        setattr(_module, ours.__name__, ours)
        ours.__module__ = _NAME
    if _compat_rules.DEFAULT_MESSAGE_LIMIT is not None:
        _module.__dict__.setdefault(_LIMIT, _compat_rules.DEFAULT_MESSAGE_LIMIT)


_fill_module()
_finder = ModuleFinder(_module, _fill_module)
_finder.describe()


def install():
    """Put the replacement in the place of ``tornado.websocket``; see `tornado_ws.install`."""
    if sys.modules.get(_NAME) is _module:
        return
    holders = _modules_that_hold(stock)
    sys.modules[_NAME] = tornado.websocket = _module
    _finder.start()
    if holders:
        warnings.warn("tornado_ws.install() came after tornado.websocket was imported by %s: "
                      "what they took from it is still Tornado's own" % ", ".join(holders),
                      RuntimeWarning, stacklevel=3)


def uninstall():
    """Put Tornado's own module back; see `tornado_ws.uninstall`."""
    _finder.stop()
    if sys.modules.get(_NAME) is _module:
        sys.modules[_NAME] = tornado.websocket = stock


def _modules_that_hold(module):
    """Name the modules, other than Tornado's and ours, that refer to a module's classes."""
    defined = set(id(value) for value in vars(module).values()
                  if getattr(value, "__module__", None) == _NAME)
    defined.add(id(module))
    return sorted(
        name for name, other in list(sys.modules.items())
        if name.split(".")[0] not in ("tornado", "tornado_ws", "__mp_main__")
        and any(_refers(value, defined) for value in _values(other)))


def _values(module):
    try:
        return list(vars(module).values())
    except Exception:  # what stands in sys.modules may be anything
        return []


def _refers(value, defined):
    return id(value) in defined or issubclass(type(value), type) and any(
        id(base) in defined for base in value.__mro__)
