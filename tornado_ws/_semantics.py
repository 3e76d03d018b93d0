"""The few things that Tornado's versions do differently, as one named set.

`TORNADO_4_3` is what ``tornado_ws.websocket`` has on every Tornado; the module that
``tornado_ws.install`` puts in place has the same with the installed Tornado's departures.
"""
from __future__ import absolute_import, division, print_function

import collections
import functools
import numbers

from tornado import httpclient

from tornado_ws._compat import rules
from tornado_ws._compat.futures import decided
from tornado_ws._sansio import handshake


class Setting(object):
    """A read-only property that is no obstacle to an instance attribute of the same name.

    Programs for Tornado 4.3 use names such as ``ping_interval`` for their own purposes.

    Args:
        getter: The method that gives the value.
    """

    def __init__(self, getter):
        self._getter = getter
        self.__name__ = getter.__name__
        self.__doc__ = getter.__doc__

    def __get__(self, instance, owner=None):
        return self if instance is None else self._getter(instance)


def class_setting(instance, name):
    """Read a setting from an object's class, whatever its instance means by the name.

    A subclass may override it by a property, a number or None; anything else that stands there is
    the application's own.

    Args:
        instance: The object.
        name: The name.
    """
    of_class = getattr(type(instance), name, None)
    if type(of_class) is Setting:  # the usual one: nobody has overridden it
        return of_class.__get__(instance)
    for kind in type(instance).__mro__:
        if name not in vars(kind):
            continue
        found = vars(kind)[name]
        if isinstance(found, (property, Setting)):
            return found.__get__(instance, type(instance))
        if found is None or isinstance(found, numbers.Real):
            return found
    return None


class Semantics(collections.namedtuple("Semantics", [
        "serial_messages", "serial_open", "default_message_limit", "ping_timeout", "versions",
        "allow_origin", "check_origin", "log_exception", "answer", "get_waits", "setting",
        "ping_hook", "any_close_code", "any_key", "network_error", "timeout_error",
        "queue_is_deque"])):
    """What depends on the Tornado that is followed.

    Attributes:
        serial_messages: Whether a Future from on_message holds back the next message.
        serial_open: Whether a Future from open holds back the first message.
        default_message_limit: ``f()`` -> bytes, or None for the stream's buffer limit.
        ping_timeout: ``f(interval, timeout or None)`` -> seconds, 0 for no timeout.
        versions: The values of Sec-WebSocket-Version that a server takes.
        allow_origin: ``f(handler)`` -> whether the request's origin is allowed.
        check_origin: ``f(handler, origin)`` -> bool, what the handler's method does by default.
        log_exception: ``f(handler, *exc_info)``, logs the exception that a callback raised.
        answer: ``f(handler)`` -> the bytes of the 101 response, which has its headers; empty if it
            has written them.
        setting: ``f(handler, name)`` -> the value of a property that is a setting.
        ping_hook: ``f(handler)`` -> what is called with the data of a ping.
        queue_is_deque: Whether a client's ``read_queue`` is the deque of what was not read yet.
        get_waits: Whether the Future from get is done only when the connection is closed.
        any_close_code: Whether close codes that RFC 6455 does not allow are sent, taken and
            echoed, and a long reason is cut; what cannot be sent at all closes with 1011.
        any_key: Whether a server takes any Sec-WebSocket-Key that is not empty.
        network_error: ``f(connection, error)`` -> what `websocket_connect` raises for a
            StreamClosedError before the connection is open.
        timeout_error: ``f(connection)`` -> the same when the time is over.
    """

    __slots__ = ()


def _allow_origin(handler):
    origin = handshake.request_origin(handler.request.headers)
    return origin is None or decided("check_origin", handler.check_origin(origin))


def is_own_origin(handler, origin):
    """Tell whether an origin is that of the request's own host: Tornado's rule before 6.6."""
    return handshake.same_origin(origin, handler.request.headers.get("Host", ""))


def _check_origin(handler, origin):
    return is_own_origin(handler, origin) or handshake.is_trusted_origin(
        origin, handler.settings.get("trusted_origins"))


def _answer(handler):
    fields = list(handler._headers.get_all())
    cookies = getattr(handler, "_new_cookie", None) or {}
    fields.extend(("Set-Cookie", cookie.OutputString(None)) for cookie in cookies.values())
    head = handshake.encode_response(fields)
    handler.set_status(101)
    handler._auto_finish = False
    rules.log_handshake(handler)
    return head


def _class_hook(name):
    """Return what finds a method that 4.3 does not have: an instance's attribute is another's."""
    def find(handler):
        method = getattr(type(handler), name)
        return functools.partial(method, handler) if callable(method) else _ignore

    return find


def _ignore(data):
    """Stand in for a method, where an application means something else by its name."""


TORNADO_4_3 = Semantics(
    serial_messages=False,
    serial_open=False,
    default_message_limit=lambda: None,
    ping_timeout=lambda interval, timeout: interval if timeout is None else timeout,
    versions=handshake.SERVER_VERSIONS,
    allow_origin=_allow_origin,
    check_origin=_check_origin,
    log_exception=rules.log_callback_error,
    answer=_answer,
    get_waits=False,
    setting=class_setting,
    ping_hook=_class_hook("on_ping"),
    any_close_code=False,
    any_key=False,
    queue_is_deque=True,
    network_error=lambda connection, error: error,
    timeout_error=lambda connection: httpclient.HTTPError(
        599, "Timeout before the WebSocket was open"),
)
