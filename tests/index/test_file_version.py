"""The value that tells files apart, against files that change under it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from index.file_version import FileVersion


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    path.write_bytes(b"content")
    return path


def test_a_file_that_nobody_touches_stays_the_same(file: Path) -> None:
    version = FileVersion.of(file)

    assert version == FileVersion.of(file)
    assert version.content_hash is None
    assert version.is_current()
    assert replace(version, content_hash="ab" * 32).is_current()


def test_another_size_or_time_is_another_version(file: Path) -> None:
    version = FileVersion.of(file)

    assert not replace(version, size_bytes=version.size_bytes + 1).is_current()
    assert not replace(version, mtime_ns=version.mtime_ns + 1).is_current()


def test_a_file_that_is_gone_is_not_current(file: Path) -> None:
    version = FileVersion.of(file)
    file.unlink()

    assert not version.is_current()
    with pytest.raises(FileNotFoundError):
        FileVersion.of(file)


@pytest.mark.parametrize("seconds", [13_600_000_000, 2**40, -5_000_000_000, -(2**40)])
def test_a_time_far_from_now_fits_into_a_database_and_still_compares(
    file: Path, seconds: int
) -> None:
    """Of the year 2400 and of 1811: nanoseconds in 64 bits end in 2262 and begin in 1677."""
    os.utime(file, (seconds, seconds))

    version = FileVersion.of(file)

    assert -(2**63) <= version.mtime_ns < 2**63
    assert version.is_current()
    os.utime(file, (1, 1))
    assert not version.is_current()
