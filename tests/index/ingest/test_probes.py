"""Probes that were made ahead are made once, and never taken for those of another version."""

from pathlib import Path

import pytest

from index.file_version import FileVersion
from index.ingest.probes import RememberedProbes
from tests.index.fake_decoder import FakeDecoder

DURATIONS = dict.fromkeys(("a", "b", "c", "d"), 6.0)


@pytest.fixture
def files(tmp_path: Path) -> list[FileVersion]:
    for name in DURATIONS:
        (tmp_path / name).write_text(f"content of {name}")
    return [FileVersion.of(tmp_path / name) for name in DURATIONS]


def test_what_was_probed_ahead_is_not_probed_again(files: list[FileVersion]) -> None:
    with FakeDecoder(DURATIONS, num_workers=1) as decoder:
        probes = RememberedProbes(decoder, gap_seconds=4)

        ahead = list(probes.ahead(files))
        later = [probes.hash_and_probe(file.path, gap_seconds=4).result() for file in files]

        assert [video.path for video in ahead] == [file.path for file in files]
        assert [video.content_hash for video in ahead] == [facts.content_hash for facts in later]
        assert decoder.probed == [file.path for file in files]


def test_a_file_that_failed_is_left_out_and_fails_later_as_it_did(
    files: list[FileVersion],
) -> None:
    with FakeDecoder({"a": 6.0}) as decoder:
        probes = RememberedProbes(decoder, gap_seconds=4)

        ahead = list(probes.ahead(files[:2]))
        later = probes.hash_and_probe(files[1].path, gap_seconds=4)

        assert [video.path.name for video in ahead] == ["a"]
        assert "no frame in it" in str(later.exception())
        assert len(decoder.probed) == 2


def test_a_file_that_changed_or_was_forgotten_is_probed_again(files: list[FileVersion]) -> None:
    with FakeDecoder(DURATIONS) as decoder:
        probes = RememberedProbes(decoder, gap_seconds=4)
        hashes = {video.path: video.content_hash for video in probes.ahead(files)}
        changed, forgotten = files[0].path, files[1].path
        changed.write_text("other content")
        probes.forget([forgotten])

        assert (
            probes.hash_and_probe(changed, gap_seconds=4).result().content_hash != hashes[changed]
        )
        assert (
            probes.hash_and_probe(forgotten, gap_seconds=4).result().content_hash
            == hashes[forgotten]
        )

        assert decoder.probed[4:] == [changed, forgotten]


def test_other_gaps_than_were_looked_for_are_looked_for_again(files: list[FileVersion]) -> None:
    with FakeDecoder(DURATIONS) as decoder:
        probes = RememberedProbes(decoder, gap_seconds=4)
        list(probes.ahead(files[:1]))

        probes.hash_and_probe(files[0].path, gap_seconds=2).result()

        assert len(decoder.probed) == 2
