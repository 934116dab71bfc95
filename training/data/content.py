"""What the bytes of a video's files say: two of equal content are one, whatever they are called."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from index.video.extensions import PICTURE_EXTENSIONS
from training.data.pair import TarMember

_BLOCK_BYTES = 1 << 20


def content_hash(path: Path, members: Sequence[TarMember] = ()) -> str:
    """64 hex digits: sha256 of a file's bytes, of several pictures that of their sha256 in order.

    Args:
        members: the medium's parts of the archive `path`, which have the hash of what was packed.

    Raises:
        VideoError: a folder holds no picture.
        OSError: a file cannot be read.
    """
    if members:
        digests = [_digest_inside(path, member) for member in members]
    else:
        digests = [file_digest(file) for file in _files(path)]
    return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()


def content_sizes(path: Path, members: Sequence[TarMember] = ()) -> tuple[int, ...]:
    """Bytes of each file; media of other sizes have another content, so that few need be hashed.

    Raises: as `content_hash`.
    """
    if members:
        return tuple(member.size for member in members)
    return tuple(file.stat().st_size for file in _files(path))


def stands_still(path: Path, members: Sequence[TarMember] = ()) -> bool:
    """Whether a medium's name, or that it is several pictures, says that it has no time."""
    if members:
        return len(members) > 1 or Path(members[0].name).suffix.lower() in PICTURE_EXTENSIONS
    return path.suffix.lower() in PICTURE_EXTENSIONS or path.is_dir()


def file_digest(path: Path) -> bytes:
    """sha256 of a file's bytes, 32 bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    from index.video.still import stills_in  # it brings FFmpeg, which a list of files needs not

    return stills_in(path)


def _digest_inside(archive: Path, member: TarMember) -> bytes:
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        file.seek(member.offset)
        left = member.size
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
    if left:
        raise OSError(f"{archive.name} is shorter than when it was listed")
    return digest.digest()
