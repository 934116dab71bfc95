"""Videos that stand twice: under one path, under one id, or as copies with other names.

Features are kept by what files contain, so a copy of a learned video is that video. Sizes are
compared first, and only files of equal sizes are read, so that this costs little.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from index.errors import VideoError
from training.data.content import content_hash, content_sizes
from training.data.manifest import videos_of
from training.data.pair import Pair

_SHOWN = 5
_THREADS = 4


class Copy(NamedTuple):
    """A video, and one of the same content that came first."""

    video: Pair
    original: Pair


def shared_videos(
    known: Sequence[Pair], others: Sequence[Pair], *, one_list: bool = True
) -> list[Copy]:
    """The pairs of `others` whose video is among `known` too, in order.

    It is the same by its address or by its content. What cannot be read is passed over here.

    Args:
        one_list: whether both are of one list, so that one id is one video.
    """
    by_id = {pair.id: pair for pair in reversed(known)} if one_list else {}
    by_address = videos_of(known)
    found = {
        pair.address: original
        for pair in others
        if (original := by_address.get(pair.address) or by_id.get(pair.id))
    }
    left = [pair for pair in others if pair.address not in found]
    hashes = _hashes(known, left)
    first = {hashes[pair.address]: pair for pair in reversed(known) if pair.address in hashes}
    for pair in left:
        if original := first.get(hashes.get(pair.address, "")):
            found[pair.address] = original
    return [Copy(pair, found[pair.address]) for pair in others if pair.address in found]


def repeated_videos(videos: Sequence[Pair]) -> list[Copy]:
    """The videos of a list whose content one before them has under another address, in order."""
    different = list(videos_of(videos).values())
    hashes = _hashes(different, different)
    first: dict[str, Pair] = {}
    copies = []
    for pair in different:
        known_by = hashes.get(pair.address)
        if known_by and (original := first.setdefault(known_by, pair)) is not pair:
            copies.append(Copy(pair, original))
    return copies


def copies_named(copies: Sequence[Copy]) -> str:
    """The first of them by their ids, and how many more, for a sentence."""
    names = [
        video.id
        if video.id == original.id or video.address == original.address
        else f"{video.id} is a copy of {original.id}"
        for video, original in copies[:_SHOWN]
    ]
    more = f" and {len(copies) - _SHOWN} more" if len(copies) > _SHOWN else ""
    return ", ".join(names) + more


def _hashes(known: Sequence[Pair], others: Sequence[Pair]) -> dict[Path, str]:
    """Content by address, of those alone that may be equal to one of the other side."""
    pairs = {pair.address: pair for pair in (*known, *others)}
    with ThreadPoolExecutor(_THREADS) as threads:  # reading and hashing release the GIL
        sizes = dict(zip(pairs, threads.map(_sizes, pairs.values()), strict=True))
        alike = _alike(sizes, (pair.address for pair in known), (pair.address for pair in others))
        hashes = dict(zip(alike, threads.map(_hash, (pairs[name] for name in alike)), strict=True))
    return {address: known_by for address, known_by in hashes.items() if known_by}


def _alike(
    sizes: dict[Path, tuple[int, ...]], known: Iterable[Path], others: Iterable[Path]
) -> list[Path]:
    """Addresses whose sizes are those of another on the other side."""
    sides: dict[tuple[int, ...], tuple[set[Path], set[Path]]] = {}
    for side, addresses in enumerate((known, others)):
        for address in addresses:
            sides.setdefault(sizes[address], (set(), set()))[side].add(address)
    return [
        address
        for size, (left, right) in sides.items()
        if size and left and right and len(left | right) > 1
        for address in sorted(left | right)
    ]


def _sizes(pair: Pair) -> tuple[int, ...]:
    """Empty for what cannot be read."""
    try:
        return content_sizes(pair.path, pair.members)
    except (OSError, VideoError):
        return ()


def _hash(pair: Pair) -> str:
    try:
        return content_hash(pair.path, pair.members)
    except (OSError, VideoError):
        return ""
