"""The one place that says where things stand that can be made again."""

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "CPD_CACHE"
"""Environment variable that names another cache folder."""


def cache_folder() -> Path:
    """The user's cache folder of cpd, which may not exist yet; deleting it costs only time."""
    named = os.environ.get(CACHE_VARIABLE, "")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("cpd"))
