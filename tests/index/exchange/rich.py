"""Videos with all that a library can know of them, by seed."""

import numpy as np

from index.catalog.collections import create_collection, find_collection, put_in
from index.catalog.metadata import Said, put_documents
from index.catalog.reads import number_of
from index.documents import Document
from index.library.library import Library
from index.library.writer import LibraryWriter
from index.segments import Segment
from index.sidecars.reading import SidecarContent
from index.sidecars.subtitles import Cue
from tests.index.libraries import FACTS, file_version, unit_rows


def put_rich(
    writer: LibraryWriter, path: str, seed: int, *, mtime_ns: int = 1, num_segments: int = 3
) -> str:
    """A video with metadata, a transcript and all; its id."""
    said = Said(
        {"title": f"Title {seed}"},
        SidecarContent({"caption": f"a caption {seed}"}, [Cue(1.0, 2.0, f"words {seed}")], []),
        "stamp",
    )
    return writer.put_video(
        file_version(path, content_hash=f"{seed:064x}", mtime_ns=mtime_ns),
        facts=FACTS,
        segments=[Segment(2.0 * i, 2.0 * i + 4) for i in range(num_segments)],
        embeddings_SD=unit_rows(num_segments, seed=seed),
        said=said,
    )


def tag(library: Library, video_id: str, *names: str, user: Document | None = None) -> None:
    """Put a video into collections, which are made, and say something of it."""
    with library._catalog.write_transaction() as transaction:
        connection = transaction.connection
        number = number_of(connection, video_id)
        for name in names:
            collection = find_collection(connection, name)
            if collection is None:
                collection = create_collection(connection, name)
            put_in(connection, collection, np.array([number], dtype=np.int64))
        if user is not None:
            put_documents(connection, {number: user}, source="user")
