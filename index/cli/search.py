"""`cpd search`."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from cpd_model.errors import InputError
from index.cli.loading import load_encoder_told, load_text_encoder_told
from index.cli.options import Collections, Device, Json, LibraryFolder, Where, print_json
from index.cli.printing import print_hits

if TYPE_CHECKING:
    from cpd_model.encoder import TextEncoder
    from index.library.library import Library
    from index.search.moments import Hits
    from index.search.request import SearchOptions

LoadedT = TypeVar("LoadedT", bound="TextEncoder")

HYBRID_WEIGHT = 0.5
"""Of texts, where `--hybrid` says no other."""


def search(
    query: Annotated[
        str | None,
        typer.Argument(
            help="What the moment shows, in your own words; or several with weights, such as "
            '"dog:1, snow:0.5, -night:0.7".'
        ),
    ] = None,
    *,
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
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH|ID", help="A video or picture, or segment:ID, to be like; several."
        ),
    ] = None,
    not_like: Annotated[
        list[str] | None, typer.Option(metavar="PATH|ID", help="One to be unlike; several.")
    ] = None,
    where: Where = None,
    collection: Collections = None,
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="Search titles, captions and what is said too.")
    ] = False,
    text_weight: Annotated[
        float | None, typer.Option(help="How much texts count for --hybrid, 0 to 1 (0.5).")
    ] = None,
    per_video: Annotated[int | None, typer.Option(help="At most so many hits of a video.")] = None,
    distinct: Annotated[
        float | None,
        typer.Option(metavar="COSINE", help="Leave out what is so like a better hit, such as .95."),
    ] = None,
    diversity: Annotated[float, typer.Option(help="How much hits are to differ, 0 to 1.")] = 0.0,
    sort: Annotated[
        Literal["score", "date", "duration"],
        typer.Option(help="The best, the newest or the shortest first."),
    ] = "score",
    min_score: Annotated[float | None, typer.Option(help="Leave out what scores less.")] = None,
    cursor: Annotated[
        str | None, typer.Option(help="Of the page before, as --json tells it: the next page.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One query a line, instead of QUERY.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell how the answer was found.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Find moments by describing them, or by what they are to be like."""
    # One text is little work. Before NumPy is imported its threads can be told not to start: they
    # gain nothing here, and wait for each other for seconds where other programs want the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options: SearchOptions = {
        "limit": limit,
        "merge": merge,
        "where": where,
        "collections": collection or [],
        "text_weight": (HYBRID_WEIGHT if hybrid else 0.0) if text_weight is None else text_weight,
        "per_video": per_video,
        "distinct": distinct,
        "diversity": diversity,
        "sort": sort,
        "min_score": min_score,
        "cursor": cursor,
        "explain": explain,
    }
    texts = [query] if queries is None else _read_queries(queries, query, cursor)
    likeness = {"like": like or [], "not_like": not_like or []}
    answers, model = _answers(library, texts, likeness, options, device=device)
    if as_json and queries is None:
        print_json({"query": query, "model": model, **answers[0].as_json()})
        return
    pairs = list(zip(texts, answers, strict=True))
    if as_json:
        told = [{"query": text, **hits.as_json()} for text, hits in pairs]
        print_json({"model": model, "answers": told})
        return
    for text, hits in pairs:
        if queries is not None:
            typer.echo(f"{text}:")
        print_hits(hits, is_narrowed=bool(where or collection or min_score is not None))
        if hits.cursor is not None and (explain or cursor is not None):
            typer.echo(f"next page: --cursor {hits.cursor}")


def _answers(
    folder: Path,
    texts: "Sequence[str | None]",
    likeness: dict[str, list[str]],
    options: "SearchOptions",
    *,
    device: str,
) -> tuple[list["Hits"], str]:
    """What the library answers to each text, and the name of its model."""
    from index.library.library import Library
    from index.library.queries import make_query

    for text in texts:
        _check(text, options)
    with Library.open(folder, device=device) as library:
        settings = library.settings
        text_encoder = _loader(load_text_encoder_told, library, device)
        encoder = _loader(load_encoder_told, library, device)
        answers = []
        for text in texts:
            query = make_query(
                library, text=text, text_encoder=text_encoder, encoder=encoder, **likeness
            )
            asked: SearchOptions = {"words": query.words, **options}
            answers.append(
                library.search(query.vector_D, fingerprint=settings.fingerprint, **asked)
            )
    return answers, settings.model


def _check(text: str | None, options: "SearchOptions") -> None:
    """Find a slip of the pen before a model is loaded."""
    from index.search.mixture import read_mixture
    from index.search.query import words_of
    from index.search.request import SearchRequest

    if text is not None:
        for term in read_mixture(words_of(text)):
            words_of(term.words)
    _ = SearchRequest(**options).filter


def _loader(
    load: "Callable[[str, str], LoadedT]", library: "Library", device: str
) -> "Callable[[], LoadedT]":
    """Loads the library's model when it is first needed, and makes sure that it is it."""

    @functools.cache
    def loaded() -> "LoadedT":
        encoder = load(library.settings.model, device)
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
        return encoder

    return loaded


def _read_queries(file: Path, query: str | None, cursor: str | None) -> list[str]:
    if query is not None or cursor is not None:
        given = "QUERY" if query is not None else "--cursor"
        raise InputError(f"give either {given} or --queries: a file asks for first pages")
    expected = "expected UTF-8 text, one query a line"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"cannot read the queries in {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the queries in {file} are no text: {expected}") from error
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise InputError(f"there is no query in {file}: expected one a line")
    return texts
