"""Damage to the files of a library, drawn by seed, and what a search then answers."""

import random
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from index.errors import LibraryError
from index.library.library import Library
from tests.faults.operations import State, agree, answer, found

PAGE_BYTES = 4096
"""Of SQLite."""

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""


def flip_bytes(content: bytearray, draw: random.Random) -> str:
    """Change up to eight bytes, anywhere."""
    places = [draw.randrange(len(content)) for _ in range(draw.choice((1, 1, 3, 8)))]
    for place in places:
        content[place] ^= draw.randrange(1, 256)
    return f"bytes {places} flipped"


def truncate(content: bytearray, draw: random.Random) -> str:
    """Cut the end off."""
    length = draw.choice((0, draw.randrange(len(content)), len(content) - 1))
    del content[length:]
    return f"cut to {length} bytes"


def append(content: bytearray, draw: random.Random) -> str:
    """Write rubbish behind the end."""
    content += draw.randbytes(draw.choice((1, 36, PAGE_BYTES)))
    return "rubbish appended"


def zero_sector(content: bytearray, draw: random.Random) -> str:
    """A sector that was never written."""
    start = draw.randrange(0, len(content), SECTOR_BYTES)
    stop = min(start + SECTOR_BYTES, len(content))
    content[start:stop] = bytes(stop - start)
    return f"sector at {start} zeroed"


def scramble_sector(content: bytearray, draw: random.Random) -> str:
    """A sector of another file."""
    start = draw.randrange(0, len(content), SECTOR_BYTES)
    stop = min(start + SECTOR_BYTES, len(content))
    content[start:stop] = draw.randbytes(stop - start)
    return f"sector at {start} scrambled"


def swap_pages(content: bytearray, draw: random.Random) -> str:
    """Two pages in each other's place."""
    pages = len(content) // PAGE_BYTES
    one, other = (draw.randrange(max(pages, 1)) * PAGE_BYTES for _ in range(2))
    first, second = (bytes(content[at : at + PAGE_BYTES]) for at in (one, other))
    content[one : one + PAGE_BYTES], content[other : other + PAGE_BYTES] = second, first
    return f"pages at {one} and {other} swapped"


DAMAGES: tuple[Callable[[bytearray, random.Random], str], ...] = (
    flip_bytes,
    truncate,
    append,
    zero_sector,
    scramble_sector,
    swap_pages,
)


def damage(file: Path, draw: random.Random) -> str:
    """Damage a file in a way that is drawn; what was done."""
    content = bytearray(file.read_bytes())
    if not content or draw.random() < 0.1:
        file.unlink()
        return f"{file.name} removed"
    done = draw.choice(DAMAGES)(content, draw)
    file.write_bytes(content)
    return f"{file.name}: {done}"


def strike(*, template: str, pattern: str, states: list[State], first: int, stop: int) -> None:
    """Damage copies of a library, one for each seed, and say where that reached an answer.

    Args:
        pattern: of the files that may be damaged; a seed draws one.
        states: what the library may be found to hold.
    """
    copy = Path(template).with_name("struck")
    for seed in range(first, stop):
        draw = random.Random(seed)
        shutil.copytree(template, copy)
        files = sorted(copy.glob(pattern), key=lambda file: (file.name, file.stat().st_size))
        what = damage(draw.choice(files), draw)
        bad = what_is_wrong(copy, states)
        if bad is not None:
            sys.stdout.write(f"seed {seed}, {what}: {bad}\n")
        shutil.rmtree(copy)


def what_is_wrong(folder: Path, states: Sequence[State]) -> str | None:
    """What a library answers, if that is neither right nor a sentence; None if it is."""
    try:
        with Library.open(folder) as library:
            answers = {seed: found(library, seed) for seed in (0, 3, 20)}
            library.status()
    except LibraryError:
        return None
    except Exception:
        return traceback.format_exc()
    for state in states:
        if all(agree(answers[seed], answer(state, seed)) for seed in answers):
            return None
    return f"a wrong answer, {answers}"
