from .app import create_app as create_app
from .cpd_engine import CPDEngine as CPDEngine
from .engine import Engine as Engine
from .settings import Settings as Settings
