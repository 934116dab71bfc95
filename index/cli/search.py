"""`cpd search`."""

import os
from typing import Annotated

import typer

from index.cli.loading import load_text_encoder_told
from index.cli.options import Device, Json, LibraryFolder, print_json
from index.cli.printing import print_hits


def search(
    query: Annotated[str, typer.Argument(help="What the moment shows, in your own words.")],
    library: LibraryFolder,
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, max=1000, help="Moments to find.")
    ] = 10,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge/--no-merge", help="Join neighbouring windows of a video into one moment."
        ),
    ] = True,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Find moments by describing them."""
    # One text is little work. Before NumPy is imported its threads can be told not to start: they
    # gain nothing here, and wait for each other for seconds where other programs want the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from index.library.opening import open_for_search
    from index.search.query import words_of

    words = words_of(query)
    opened, encoder = open_for_search(library, device=device, load=load_text_encoder_told)
    with opened:
        query_D = encoder.encode_text([words])[0]
        hits = opened.search(query_D, fingerprint=encoder.fingerprint, limit=limit, merge=merge)
    if as_json:
        found = [hit.as_json() for hit in hits]
        print_json(
            {
                "query": query,
                "model": encoder.name,
                "exact": hits.exact,
                "recall": hits.recall,
                "complete": hits.complete,
                "hits": found,
            }
        )
    else:
        print_hits(hits)
