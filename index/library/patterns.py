"""Glob patterns that are matched with the paths that a catalog holds, whose files may be gone.

holiday/**/*.mp4     `*`, `?` and `[...]` within a name, `**` for any folders; as `glob` has it
"""

import fnmatch
import glob
import os
from collections.abc import Sequence
from pathlib import Path


def is_pattern(path: str) -> bool:
    """Whether it has a star, a question mark or a bracket in it."""
    return glob.has_magic(path)


def fixed_front(pattern: str) -> tuple[Path, list[str]]:
    """The folder that all matches lie in, real and absolute, and the names that follow it."""
    names = os.path.expanduser(pattern).split(os.sep)
    first = next(number for number, name in enumerate(names) if glob.has_magic(name))
    front = os.sep.join(names[:first]) + (os.sep if first else "")
    return Path(os.path.realpath(front or ".")), [name for name in names[first:] if name]


def matches(path: str, front: Path, names: Sequence[str]) -> bool:
    """Whether a path below the front, or one of its folders, is what the pattern means."""
    return _match(path[len(str(front).rstrip(os.sep)) + 1 :].split(os.sep), names)


def _match(parts: Sequence[str], names: Sequence[str]) -> bool:
    if not names:
        return True  # what is left lies in a folder that the pattern means
    if names[0] == "**":
        return any(_match(parts[skipped:], names[1:]) for skipped in range(len(parts)))
    if not parts or (parts[0].startswith(".") and not names[0].startswith(".")):
        return False
    return fnmatch.fnmatchcase(parts[0], names[0]) and _match(parts[1:], names[1:])
