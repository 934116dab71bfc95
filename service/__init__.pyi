from .core.engine import Engine as Engine
from .http.app import create_app as create_app
from .runtime.engine import CPDEngine as CPDEngine
from .settings import Settings as Settings
