"""Self-play, replay, gradient steps, and the one loop that owns state.

`selfplay.train` is also a function of the Python interface. Python puts this room's module under that name whenever
anything in it is imported, so the module is what can be called.
"""

import importlib
import sys
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    @property
    def __wrapped__(self) -> Any:
        """What `inspect.signature` and `help` in a notebook show."""
        return importlib.import_module("selfplay.interface.train").train


sys.modules[__name__].__class__ = _CallableRoom
