"""The service over HTTP. Names are loaded on first use, so importing the package costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.app import create_app
    from service.cpd_engine import CPDEngine
    from service.engine import Engine
    from service.settings import Settings

__all__ = ["CPDEngine", "Engine", "Settings", "create_app"]

_MODULES = {
    "CPDEngine": "service.cpd_engine",
    "Engine": "service.engine",
    "Settings": "service.settings",
    "create_app": "service.app",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
