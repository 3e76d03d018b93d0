"""`tornado_ws.install` and `uninstall`: the swap itself, in interpreters of their own (C1-C4).

Each program fails by an exception, and then its output is in the test's error.
"""
from __future__ import absolute_import, division, print_function

import re
import textwrap

import pytest
from fresh_process import run_fresh

HOLDERS = {
    "module": "import tornado.websocket as anything",
    "from_package": "from tornado import websocket",
    "class": "from tornado.websocket import WebSocketHandler",
    "renamed_class": "from tornado.websocket import WebSocketClosedError as Closed",
    "function": "from tornado.websocket import websocket_connect",
    "subclass": "import tornado.websocket\nclass Own(tornado.websocket.WebSocketHandler): pass",
}
NO_HOLDERS = {
    "dotted": "import tornado.websocket\ndef late(): return tornado.websocket.WebSocketHandler",
    "package": "import tornado",
    "other": "import tornado.web, tornado.gen\nfrom tornado.ioloop import IOLoop",
    "ours": "from tornado_ws import websocket\nfrom tornado_ws.websocket import WebSocketHandler",
    "plain": "x = None",
}


def test_install_replaces_the_module_everywhere():
    """C2: in ``sys.modules`` and as the attribute of the package, for every form of import."""
    run_fresh("""
        import tornado_ws
        tornado_ws.install()
        import importlib, sys
        import tornado.websocket
        import tornado.websocket as by_as
        from tornado import websocket as by_from
        from tornado.websocket import WebSocketHandler
        modules = [sys.modules["tornado.websocket"], tornado.websocket, by_as, by_from,
                   importlib.import_module("tornado.websocket")]
        assert len(set(map(id, modules))) == 1, modules
        from tornado_ws import websocket
        assert issubclass(WebSocketHandler, websocket.WebSocketHandler)
        assert issubclass(by_as.WebSocketClientConnection, websocket.WebSocketClientConnection)
        assert issubclass(by_as.WebSocketProtocol13, websocket.WebSocketProtocol13)
        assert by_as.__name__ == WebSocketHandler.__module__ == "tornado.websocket"
    """)


def test_an_early_install_warns_of_nothing():
    """C2: nothing holds an old reference, neither before nor after Tornado's other modules."""
    run_fresh("""
        import warnings
        warnings.simplefilter("error", RuntimeWarning)
        import tornado_ws, tornado.web, tornado.httpserver, tornado.ioloop
        tornado_ws.install()
    """)


def test_install_is_idempotent():
    """C2: a second call changes nothing and warns of nothing."""
    run_fresh("""
        import tornado_ws
        tornado_ws.install()
        import tornado.websocket as first
        handler = first.WebSocketHandler
        first.marker = object()
        tornado_ws.install()
        import tornado.websocket as second
        assert second is first and second.WebSocketHandler is handler
    """)


def test_uninstall_undoes_it():
    """C2: Tornado's own module is back, in both places, as it was."""
    run_fresh("""
        import sys, tornado, tornado_ws, warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        import tornado.websocket
        stock = tornado.websocket
        before = dict(vars(stock))
        tornado_ws.install()
        assert tornado.websocket is not stock
        tornado_ws.uninstall()
        assert sys.modules["tornado.websocket"] is stock and tornado.websocket is stock
        assert vars(stock) == before
        assert stock.WebSocketHandler.__mro__[1].__module__ == "tornado.web"
    """)


def test_uninstall_without_install_does_nothing():
    run_fresh("""
        import tornado.websocket, tornado_ws
        stock = tornado.websocket
        tornado_ws.uninstall()
        assert tornado.websocket is stock
        tornado_ws.uninstall()
    """)


def test_install_again_after_uninstall():
    """C2: the same replacement, so that classes made from it stay what they are."""
    run_fresh("""
        import sys, tornado, tornado_ws
        tornado_ws.install()
        ours = tornado.websocket
        tornado_ws.uninstall()
        tornado_ws.install()
        assert tornado.websocket is ours and sys.modules["tornado.websocket"] is ours
    """)


def test_uninstall_leaves_what_another_has_put_there():
    """C2: only our own installation is undone."""
    run_fresh("""
        import sys, tornado, tornado_ws, types
        tornado_ws.install()
        another = types.ModuleType("tornado.websocket")
        sys.modules["tornado.websocket"] = tornado.websocket = another
        tornado_ws.uninstall()
        assert sys.modules["tornado.websocket"] is another and tornado.websocket is another
    """)


def test_a_late_install_names_who_holds_old_references(tmpdir):
    """C2: a RuntimeWarning, at the call, names the modules; the swap is done all the same."""
    for kind, sources in (("holder", HOLDERS), ("other", NO_HOLDERS)):
        for name, source in sources.items():
            tmpdir.join("%s_%s.py" % (kind, name)).write(source + "\n")
    modules = ["holder_" + name for name in HOLDERS] + ["other_" + name for name in NO_HOLDERS]
    text, = run_fresh("""
        import warnings, %s
        import tornado_ws
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tornado_ws.install()
        found = [entry for entry in caught if entry.category is RuntimeWarning]
        assert len(found) == 1, found
        import tornado
        assert tornado.websocket.WebSocketHandler._ws_semantics
        assert found[0].filename in ("<string>", "-c"), found[0].filename
        print(found[0].message)
    """ % ", ".join(modules), tmpdir)
    found = re.findall(r"\b(?:holder|other)_\w+", text)
    assert sorted(found) == sorted("holder_" + name for name in HOLDERS), text


def test_a_late_install_that_concerns_nobody_is_silent(tmpdir):
    """C2: who asks ``tornado.websocket`` only when it is needed gets ours: no warning."""
    for number, source in enumerate(sorted(NO_HOLDERS.values())):
        tmpdir.join("user_%d.py" % number).write(source + "\n")
    run_fresh("""
        import user_0, user_1, user_2, user_3, user_4
        import tornado_ws
        tornado_ws.install()
    """, tmpdir)


def test_the_main_program_is_named():
    """C2: ``__main__`` is a module too."""
    text, = run_fresh("""
        import warnings
        from tornado.websocket import WebSocketHandler
        import tornado_ws
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tornado_ws.install()
        print([str(entry.message) for entry in caught if entry.category is RuntimeWarning][0])
    """)
    assert "__main__" in text


def test_an_unusual_module_does_not_break_install():
    """C2: ``sys.modules`` may hold None, and objects that are no modules."""
    run_fresh("""
        import sys
        class Odd(object):
            __slots__ = ()
            def __getattr__(self, name):
                raise RuntimeError(name)
        sys.modules["odd"] = Odd()
        sys.modules["none"] = None
        import tornado_ws
        tornado_ws.install()
    """)


def test_the_face_does_not_install():
    """C1: ``tornado_ws.websocket`` leaves ``tornado.websocket`` alone."""
    run_fresh("""
        from tornado_ws import websocket
        import tornado_ws.websocket
        assert tornado_ws.websocket is websocket
        import tornado.websocket
        assert tornado.websocket.WebSocketHandler.__mro__[1].__module__ == "tornado.web"
        assert not issubclass(tornado.websocket.WebSocketHandler, websocket.WebSocketHandler)
    """)


def test_both_ways_in_one_program():
    """C1, C2, C3: the face keeps 4.3's semantics while the installed module has its own."""
    run_fresh("""
        import tornado_ws
        tornado_ws.install()
        from tornado_ws import websocket
        import tornado.websocket
        assert websocket is not tornado.websocket
        assert websocket.WebSocketHandler is not tornado.websocket.WebSocketHandler
        assert issubclass(tornado.websocket.WebSocketHandler, websocket.WebSocketHandler)
        assert websocket.WebSocketClosedError is tornado.websocket.WebSocketClosedError
    """)


@pytest.mark.parametrize("installed", [False, True])
def test_old_except_clauses_keep_catching(installed):
    """C4: our exceptions derive from the installed Tornado's of the same names."""
    run_fresh("""
        import warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        from tornado.websocket import WebSocketError, WebSocketClosedError
        import tornado_ws
        if %r:
            tornado_ws.install()
            from tornado import websocket
        else:
            from tornado_ws import websocket
        assert websocket.WebSocketClosedError is not WebSocketClosedError
        for kind, stock in ((websocket.WebSocketError, WebSocketError),
                            (websocket.WebSocketClosedError, WebSocketClosedError),
                            (websocket.WebSocketClosedError, WebSocketError),
                            (websocket.WebSocketClosedError, websocket.WebSocketError)):
            try:
                raise kind("text")
            except stock as error:
                assert str(error) == "text"
    """ % installed)


def test_installing_does_not_start_anything():
    """C2: no loop is made, no thread is started, no file is opened."""
    run_fresh("""
        import threading
        import tornado_ws
        tornado_ws.install()
        import tornado.websocket
        from tornado.ioloop import IOLoop
        assert threading.active_count() == 1
        assert not getattr(IOLoop, "_ioloop_for_asyncio", None)
    """)


FOUND = """
    try:
        from importlib import reload
    except ImportError:  # Python 2 has it built in
        pass
    import tornado.websocket
    module, handler = tornado.websocket, tornado.websocket.WebSocketHandler
    assert module.__package__ == "tornado"
    assert module.__loader__ is not None
    assert module.__file__.rpartition(".")[0].endswith("_install")
"""
"""What programs rely on of any module."""


def test_the_module_in_place_is_found():
    """C2: it has what an import gives a module, and ``find_spec`` works."""
    run_fresh(textwrap.dedent("""
        import tornado_ws
        tornado_ws.install()
    """) + textwrap.dedent(FOUND) + textwrap.dedent("""
        import pkgutil
        assert "websocket" in [entry[1] for entry in pkgutil.iter_modules(tornado.__path__)]
        try:
            from importlib.util import find_spec
        except ImportError:  # Python 2 has no specs
            assert pkgutil.get_loader("tornado.websocket") is module.__loader__
        else:
            spec = find_spec("tornado.websocket")
            assert spec is module.__spec__
            assert (spec.name, spec.parent, spec.origin) == (
                "tornado.websocket", "tornado", module.__file__)
            assert spec.loader is module.__loader__
            assert find_spec("tornado.web").loader is not spec.loader
    """))


@pytest.mark.parametrize("early", [False, True])
def test_reload_leaves_ours_in_place(early):
    """C2: ``importlib.reload``, also where Tornado's own was imported first."""
    run_fresh(textwrap.dedent("""
        import warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        import tornado_ws
        if %r:
            import tornado.websocket
        tornado_ws.install()
    """ % early) + textwrap.dedent(FOUND) + textwrap.dedent("""
        module.added = 1
        del module.WebSocketHandler
        module.websocket_connect = None
        assert reload(module) is module
        assert tornado.websocket is module
        assert module.WebSocketHandler is handler and module.added == 1
        assert "tornado_ws" in module.websocket_connect.__code__.co_filename
        tornado_ws.install()
        assert tornado.websocket is module
    """))


def test_an_import_after_the_name_was_taken_out_gives_ours():
    """C2: programs, and tests of theirs, delete it from ``sys.modules`` to import it anew."""
    run_fresh(textwrap.dedent("""
        import tornado_ws
        tornado_ws.install()
    """) + textwrap.dedent(FOUND) + textwrap.dedent("""
        import sys
        del sys.modules["tornado.websocket"], tornado.websocket
        import tornado.websocket
        assert tornado.websocket is module is sys.modules["tornado.websocket"]
        assert module.WebSocketHandler is handler
    """))


def test_uninstall_leaves_no_trace_in_imports():
    """C2: Tornado's own can be found, reloaded and imported anew again."""
    run_fresh(textwrap.dedent("""
        import sys
        finders = list(sys.meta_path)
        import tornado_ws
        tornado_ws.install()
        tornado_ws.install()
        tornado_ws.uninstall()
        tornado_ws.uninstall()
        assert sys.meta_path == finders
        try:
            from importlib import reload
        except ImportError:
            pass
        import tornado.websocket
        stock = tornado.websocket
        assert reload(stock) is stock
        assert stock.WebSocketHandler.__mro__[1].__module__ == "tornado.web"
        del sys.modules["tornado.websocket"], tornado.websocket
        import tornado.websocket
        assert tornado.websocket is not stock
        assert tornado.websocket.WebSocketHandler.__mro__[1].__module__ == "tornado.web"
    """))


def test_install_again_after_another_was_put_there():
    """C2: ours takes the place again, once; one `uninstall` undoes it all."""
    run_fresh("""
        import sys, tornado, tornado_ws, types, warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        finders = list(sys.meta_path)
        tornado_ws.install()
        ours = tornado.websocket
        sys.modules["tornado.websocket"] = tornado.websocket = types.ModuleType("another")
        tornado_ws.install()
        assert sys.modules["tornado.websocket"] is tornado.websocket is ours
        tornado_ws.uninstall()
        assert sys.meta_path == finders
        assert tornado.websocket is not ours
    """)
