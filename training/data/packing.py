"""Pairs into WebDataset shards: few large files, read fast over networks and from slow disks."""

import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from cpd_model.errors import InputError
from index.video.extensions import MEDIA_EXTENSIONS
from index.video.media import media_files, media_kind
from training.data.pair import Pair
from training.data.webdataset import open_media

SHARD_BYTES = 1_000_000_000
"""The usual size of a shard: large enough to stream, small enough to hand to many readers."""

_PADDING = 1024
"""Bytes that a member takes in an archive beside its own, at most: header and filling."""


class _Numbered(NamedTuple):
    """A pair and its place in the list, which is its key in the archive."""

    number: int
    pair: Pair


def pack_pairs(
    pairs: Sequence[Pair],
    folder: Path,
    *,
    max_shard_bytes: int = SHARD_BYTES,
    on_pair: Callable[[int], None] | None = None,
) -> list[Path]:
    """Write pairs into `shard-000000.tar` ..., which `read_pairs(folder)` gives back as they were.

    Media are copied as they are. The same pairs make the same bytes. A shard appears whole, under
    its own name, or not at all.

    Args:
        max_shard_bytes: no shard is larger, but for one that holds a single pair.
        on_pair: told how many pairs are packed, after each.

    Returns:
        The shards, in order.

    Raises:
        InputError: no pair, `folder` holds shards already, a medium is missing, or the disk is
            full; then the shards before it are whole.
    """
    if not pairs:
        raise InputError("there is no pair to pack")
    _require_media(pairs)
    if any(folder.glob("*.tar")):
        raise InputError(f"{folder} holds .tar files already; remove them or name an empty folder")
    shards = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, group in enumerate(_grouped(pairs, max_shard_bytes)):
            shard = folder / f"shard-{number:06d}.tar"
            _write_shard(shard, group, on_pair or (lambda _: None))
            shards.append(shard)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot pack into {folder}: {reason}; {len(shards)} shards are whole"
        ) from error
    return shards


def _require_media(pairs: Iterable[Pair]) -> None:
    missing = [pair.path for pair in pairs if not pair.path.exists()]
    if missing:
        raise InputError(
            f"{len(missing)} of the files to pack are missing, such as {missing[0]}; "
            "mend the list or leave them out"
        )


def _grouped(pairs: Iterable[Pair], max_bytes: int) -> Iterator[list[_Numbered]]:
    """Neighbours that fill a shard together."""
    group: list[_Numbered] = []
    filled = 0
    for number, pair in enumerate(pairs):
        num_bytes = _bytes_of(pair)
        if group and filled + num_bytes > max_bytes:
            yield group
            group, filled = [], 0
        group.append(_Numbered(number, pair))
        filled += num_bytes
    yield group


def _bytes_of(pair: Pair) -> int:
    if pair.members:
        sizes = [member.size for member in pair.members]
    else:
        sizes = [path.stat().st_size for path in media_files(pair.path)]
    sizes += [len(content) for content in _texts(pair, "").values()]
    return sum(sizes) + _PADDING * len(sizes)


def _write_shard(shard: Path, group: list[_Numbered], on_pair: Callable[[int], None]) -> None:
    partial = shard.with_name(shard.name + ".partial")
    try:
        with tarfile.open(partial, "w") as archive:
            for number, pair in group:
                key = f"{number:08d}"
                with open_media(pair) as path:
                    for name, file_path in _media(path, key).items():
                        with file_path.open("rb") as file:
                            _add(archive, name, file_path.stat().st_size, file)
                for name, content in _texts(pair, key).items():
                    _add(archive, name, len(content), io.BytesIO(content))
                on_pair(number + 1)
        partial.replace(shard)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _add(archive: tarfile.TarFile, name: str, size: int, file: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)  # a file's time, owner and rights say nothing about the pair
    info.size = size
    archive.addfile(info, file)


def _media(path: Path, key: str) -> dict[str, Path]:
    """The files of a medium by their names in the archive."""
    if media_kind(path) != "frames":
        return {key + _extension(path): path}
    return {
        f"{key}.{place:06d}{file.suffix.lower()}": file
        for place, file in enumerate(media_files(path))
    }


def _extension(path: Path) -> str:
    """Its own, or one that says what it is; what decodes it looks at the content anyway."""
    extension = path.suffix.lower()
    if extension in MEDIA_EXTENSIONS:
        return extension
    return ".mp4" if media_kind(path) == "video" else ".jpg"


def _texts(pair: Pair, key: str) -> dict[str, bytes]:
    written = {"id": pair.id, "captions": pair.captions, "split": pair.split}
    return {
        f"{key}.json": (json.dumps(written, ensure_ascii=False) + "\n").encode(),
        f"{key}.txt": (pair.captions[0] + "\n").encode(),  # for readers that know one caption
    }
