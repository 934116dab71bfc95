"""WebDataset shards: tar archives whose members with one key are one pair.

    shard-000000.tar:  00000000.mp4 00000000.json 00000000.txt 00000001.jpg ...

A key ends at the first dot of a name. Archives are read by the places of their members, so pairs
come in any order without the archive being read through or unpacked.
Source: the format of https://github.com/webdataset/webdataset, which reads what is written here.
"""

import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cpd_model.errors import InputError
from index.errors import VideoError
from index.video.extensions import MEDIA_EXTENSIONS, PICTURE_EXTENSIONS
from training.data.pair import ManifestRow, Pair, TarMember
from training.data.pair_folders import TEXT_EXTENSIONS, captions_of_texts, word_in


def read_shards(shards: Iterable[Path]) -> Iterator[ManifestRow]:
    """The pairs of tar archives, in order; members without a medium are passed over.

    Of several media of one key a video counts alone; pictures are its frames, in their order.
    Texts are read as beside files, see `training.data.pair_folders`; `id`, `split`, `label` and
    `group` of the .json are the pair's. Without an id it is the archive's name and the key.

    Raises:
        InputError: an archive is damaged or compressed, or a text cannot be read.
    """
    for shard in shards:
        yield from _pairs_of(shard.absolute())


@contextmanager
def open_media(pair: Pair, *, folder: Path | None = None) -> Iterator[Path]:
    """A path from which the pair's medium can be read, inside the block.

    It is the pair's own path, or a copy of its part of the archive that goes away at the end.

    Args:
        folder: where the copy lies; None: the system's folder for such files.

    Raises:
        VideoError: the archive cannot be read; names the member, also where the block fails on it.
    """
    if not pair.members:
        yield pair.path
        return
    first = pair.path / pair.members[0].name
    with tempfile.TemporaryDirectory(dir=folder, prefix="cpd-member-") as made:
        try:
            copies = [
                _copy_out(pair.path, member, Path(made), number)
                for number, member in enumerate(pair.members)
            ]
        except (OSError, EOFError) as error:
            raise VideoError(first, getattr(error, "strerror", None) or str(error)) from error
        try:
            yield copies[0] if len(copies) == 1 else Path(made)
        except VideoError as error:
            raise type(error)(first, error.reason) from error


def _copy_out(shard: Path, member: TarMember, folder: Path, number: int) -> Path:
    suffix = PurePosixPath(member.name).suffix
    copy = folder / f"{number:06d}{suffix}"
    with shard.open("rb") as file, copy.open("wb") as target:
        file.seek(member.offset)
        left = member.size
        while left and (block := file.read(min(left, 1 << 20))):
            target.write(block)
            left -= len(block)
    if left:
        raise EOFError(f"{shard.name} is shorter than when it was listed")
    return copy


def _pairs_of(shard: Path) -> Iterator[ManifestRow]:
    try:
        with tarfile.open(shard, "r:") as archive:
            samples: dict[str, dict[str, tarfile.TarInfo]] = {}
            for info in archive:
                key, extension = _split_name(info.name)
                if info.isreg() and extension:
                    samples.setdefault(key, {})[extension] = info
            for key, files in samples.items():
                media = _media_of(files)
                if media:
                    yield _pair(archive, shard, key, media=media, files=files)
    except tarfile.TarError as error:
        raise InputError(
            f"{shard.name} is no whole, uncompressed tar archive: {error}; unpack or fetch it again"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {shard}: {error.strerror or error}") from error


def _split_name(name: str) -> tuple[str, str]:
    """Key and extension in lower case with the dot; no extension for what is no part of a pair."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, dot, extension = base.partition(".")
    if not stem or not dot:
        return name, ""
    return folder + slash + stem, f".{extension.lower()}"


def _media_of(files: dict[str, tarfile.TarInfo]) -> list[tarfile.TarInfo]:
    suffixes = {extension: PurePosixPath(f"x{extension}").suffix for extension in files}
    media = sorted(extension for extension in files if suffixes[extension] in MEDIA_EXTENSIONS)
    videos = [extension for extension in media if suffixes[extension] not in PICTURE_EXTENSIONS]
    return [files[extension] for extension in videos[:1] or media]


def _pair(
    archive: tarfile.TarFile,
    shard: Path,
    key: str,
    *,
    media: Sequence[tarfile.TarInfo],
    files: dict[str, tarfile.TarInfo],
) -> ManifestRow:
    def read(extension: str) -> bytes:
        content = archive.extractfile(files[extension])
        assert content is not None  # only regular files are listed
        return content.read()

    texts = [extension for extension in TEXT_EXTENSIONS if extension in files]
    captions, more = captions_of_texts(
        texts, read=read, where=lambda extension: f"{shard.name}/{key}{extension}"
    )
    name = f"{shard.name}/{key}"
    return ManifestRow(
        where=name,
        id=word_in(more, "id") or name,
        path=shard,
        written_path=name,
        captions=captions,
        split=word_in(more, "split"),
        label=word_in(more, "label"),
        group=word_in(more, "group"),
        members=tuple(TarMember(info.name, info.offset_data, info.size) for info in media),
    )
