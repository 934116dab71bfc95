"""Print constraints.txt: an exact pin of everything that cpd and its dev extra install here.

How to renew it stands in HEADER, which becomes the file's own first lines.
"""

import importlib.metadata
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HEADER = """\
# Exact versions of everything that `pip install -c constraints.txt -e ".[dev]"` brings.
# `make setup`, the Dockerfile and .ci/run install by it, so all of them run the same code.
#
# To renew: in an empty folder, clone the project, `python3 -m venv .venv`, then
#   .venv/bin/pip install -e ".[dev]"
#   .venv/bin/python scripts/constraints.py > new.txt && mv new.txt constraints.txt
# and run `make check`.
#
# torch stands without "+cpu" or "+cu...", so that wheels of every index fit; what PyTorch's CUDA
# wheels pull in (nvidia-*, triton, cuda-*) is left to them, since it differs from one to the next.
# faiss-gpu, of the `gpu` extra, is released together with faiss-cpu and has its version.
"""
LEFT_OPEN = ("nvidia-", "cuda-", "triton")


def main() -> None:
    """Print the header and one pin a line, sorted by name."""
    names = set(closure("cpd", frozenset({"dev"}), set())) - {"cpd", "faiss-gpu"}
    pins = {name: version(name) for name in names if not name.startswith(LEFT_OPEN)}
    pins["faiss-gpu"] = pins["faiss-cpu"]
    print(HEADER, end="")
    for name in sorted(pins):
        print(f"{name}=={pins[name]}")


def version(name: str) -> str:
    """What is installed here, without a local part such as +cpu."""
    return Version(importlib.metadata.version(name)).public


def closure(name: str, extras: frozenset[str], seen: set[tuple[str, str]]) -> Iterator[str]:
    """The distribution and all that it needs on this machine, extras followed."""
    yield name
    for extra in sorted(extras | {""}):
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                yield from closure(canonicalize_name(needed.name), frozenset(needed.extras), seen)


if __name__ == "__main__":
    main()
