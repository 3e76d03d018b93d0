"""The part of `_compat` that is about Python's import system."""
from __future__ import absolute_import, division, print_function

import sys


class _ModuleFinder(object):
    """Answers imports of one name with a module that is there already.

    It is the module's finder and loader in one. It stands in ``sys.meta_path`` so that
    ``importlib.reload``, and an import after somebody took the name out of ``sys.modules``, find
    this module and not the file that the name has below its package.

    Args:
        module: The module.
        fill: ``f()``, gives the module its names again.
    """

    def __init__(self, module, fill):
        self._module = module
        self._fill = fill

    def start(self):
        """Answer imports from now on."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self):
        """Answer none any more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


if sys.version_info < (3,):
    # Python 2: a loader makes the module itself (PEP 302).
    class ModuleFinder(_ModuleFinder):
        __doc__ = _ModuleFinder.__doc__

        def describe(self):
            """Give the module the attributes that an import gives."""
            self._module.__loader__ = self
            self._module.__package__ = self._module.__name__.rpartition(".")[0]

        def find_module(self, name, path=None):
            """Tell who loads a module: this, or None."""
            return self if name == self._module.__name__ else None

        def load_module(self, name):
            """Load the module."""
            sys.modules[name] = self._module
            self._fill()
            return self._module
else:
    # Python >= 3: a module has a spec (PEP 451).
    from importlib.machinery import ModuleSpec

    class ModuleFinder(_ModuleFinder):
        __doc__ = _ModuleFinder.__doc__

        def describe(self):
            """Give the module the attributes that an import gives."""
            module = self._module
            spec = ModuleSpec(module.__name__, self, origin=module.__file__)
            spec.has_location = True
            module.__spec__ = spec
            module.__loader__ = self
            module.__package__ = spec.parent

        def find_spec(self, name, path=None, target=None):
            """Tell how a module is found: its spec, or None."""
            return self._module.__spec__ if name == self._module.__name__ else None

        def create_module(self, spec):
            """Return the module."""
            return self._module

        def exec_module(self, module):
            """Load the module."""
            self._fill()
