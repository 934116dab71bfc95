"""`cpd label`: a person's own words for a file, or for videos of a library."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cpd_model.errors import InputError
from index.cli.loading import load_encoder_told, say
from index.cli.options import Collections, Device, Hop, Json, Model, Where, Window, print_json
from index.cli.printing import counted, print_labels, print_table, short_path

if TYPE_CHECKING:
    from index.catalog.records import VideoRow
    from index.label import LabelledVideo

_Labelled = list[tuple["VideoRow", "LabelledVideo"]]


def label(
    video: Annotated[
        Path | None,
        typer.Argument(metavar="[VIDEO]", help="A video file; else videos of --library."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help='Such as "swimming,running,cooking".')
    ] = None,
    labels_file: Annotated[
        Path | None, typer.Option("--labels-file", help="One label a line.")
    ] = None,
    library: Annotated[
        Path | None,
        typer.Option("--library", envvar="CPD_LIBRARY", help="Folder of a library."),
    ] = None,
    collection: Collections = None,
    where: Where = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Labels to show.")] = 5,
    timeline: Annotated[bool, typer.Option("--timeline", help="Show each segment too.")] = False,
    model: Model = None,
    device: Device = "auto",
    window: Window = None,
    hop: Hop = None,
    as_json: Json = False,
) -> None:
    """Say which of your labels a video shows, as a whole and over time.

    With --library and --collection or --where it is all those videos of the library, from the
    vectors that are there: nothing is decoded.
    """
    from index.label import read_labels

    if video is None:
        _require_choice(library, collection, where, model=model, window_hop=(window, hop))
        assert library is not None
        names = read_labels(words=labels, file=labels_file)
        labelled = _label_stored(library, names, collection or [], where, device=device)
        _tell_stored(labelled, top=top, timeline=timeline, as_json=as_json)
        return
    if collection or where is not None:
        raise InputError("--collection and --where choose from --library: leave VIDEO out")
    one = _label_file(video, labels, labels_file, model, device, window_hop=(window, hop))
    if as_json:
        print_json(one.as_json(top=top))
    else:
        print_labels(one, top=top, timeline=timeline)


def _label_file(
    video: Path,
    labels: str | None,
    labels_file: Path | None,
    model: str | None,
    device: str,
    *,
    window_hop: tuple[float | None, float | None],
) -> "LabelledVideo":
    from index.decoding.pool import DecodePool
    from index.label import check_video, label_video, read_labels
    from index.library.opening import choose_windows

    windows = choose_windows(*window_hop)
    check_video(video)
    names = read_labels(words=labels, file=labels_file)
    encoder = load_encoder_told(model, device)
    _tell_weakness(encoder.name)
    with DecodePool(num_workers=None) as pool:
        return label_video(
            video,
            names,
            encoder,
            pool,
            window_seconds=windows.window_seconds,
            hop_seconds=windows.hop_seconds,
        )


def _label_stored(
    folder: Path, names: list[str], collections: Sequence[str], where: str | None, *, device: str
) -> _Labelled:
    from index.filters.filter import chosen
    from index.label import label_stored
    from index.library.library import Library

    asked = chosen(where, collections)
    with Library.open(folder) as library:
        videos = library.videos(limit=None, where=asked)
        encoder = load_encoder_told(library.settings.model, device)
        library.require(fingerprint=encoder.fingerprint, model=encoder.name)
        _tell_weakness(encoder.name)
        return list(label_stored(library, videos, names, encoder))


def _tell_stored(labelled: _Labelled, *, top: int, timeline: bool, as_json: bool) -> None:
    if as_json:
        print_json({"videos": [_as_json(*each, top=top, timeline=timeline) for each in labelled]})
        return
    rows = [
        (short_path(video.path), score.label, f"{score.probability:.3f}")
        for video, one in labelled
        for score in one.labels[:top]
    ]
    if rows and not timeline:
        print_table(("video", "label", "probability"), rows)
    for video, one in labelled if timeline else []:
        typer.echo(short_path(video.path))
        print_labels(one, top=top, timeline=True)
    typer.echo(f"{counted(len(labelled), 'video')} labelled")


def _as_json(
    video: "VideoRow", labelled: "LabelledVideo", *, top: int, timeline: bool
) -> dict[str, Any]:
    content = {"video_id": video.video_id, **labelled.as_json(top=top)}
    return content if timeline else {k: v for k, v in content.items() if k != "segments"}


def _require_choice(
    library: Path | None,
    collection: list[str] | None,
    where: str | None,
    *,
    model: str | None,
    window_hop: tuple[float | None, float | None],
) -> None:
    """Refuse what does not fit videos of a library.

    Raises:
        InputError: neither a file nor videos of a library are named, or an option is of a file.
    """
    if library is None or not (collection or where is not None):
        raise InputError(
            "nothing to label: name a VIDEO file, or videos of a library by --library and "
            "--collection or --where"
        )
    if model is not None or window_hop != (None, None):
        raise InputError(
            "a library's videos have the vectors of its own model and windows: leave --model, "
            "--window and --hop out"
        )


def _tell_weakness(model: str) -> None:
    from index.label import weakness_of

    if weakness := weakness_of(model):
        say(f"note: {weakness}")
