"""FAISS's indexes over mapped files."""

import os
from pathlib import Path
from typing import Any

import faiss


def map_index(path: Path) -> Any:
    """The index in a file, over the file's own pages; whoever removes the file takes none away.

    Raises:
        OSError: there is no such file, or it may not be read.
        RuntimeError: it is not one FAISS can read.
    """
    # FAISS takes names in UTF-8 alone, and a folder may be called anything: so by a descriptor.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return faiss.read_index(f"/dev/fd/{descriptor}", faiss.IO_FLAG_MMAP_IFC)
    finally:
        os.close(descriptor)
