"""Files that are no video, damaged or joined: one sentence each, or as far as they go."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.errors import NoFrameError, NotAVideoError, VideoError
from index.file_version import FileVersion
from index.video.decode import decode_wanted
from index.video.file import (
    probe,
    read_frames,
)
from index.video.nearest import ScanCache, learn_everything, scan_of
from tests.index.video.clip_specs import RED, SPEC, SQUASH
from tests.index.videos import (
    EXACT,
    decode_everything,
    grey_frames,
    h264,
    moving_frames,
    quarters,
    write_sound,
    write_video,
)


@pytest.mark.parametrize("content", [b"", b"a recipe for soup\n" * 50, b"\x00" * 5000])
def test_content_that_is_no_video_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "claims.mp4"
    path.write_bytes(content)

    with pytest.raises(NotAVideoError, match=r"claims\.mp4"):
        probe(path)


@pytest.mark.parametrize(("name", "cover"), [("song.mp3", True), ("song.m4a", False)])
def test_sound_alone_and_its_cover_are_no_video(tmp_path: Path, name: str, cover: bool) -> None:
    path = write_sound(tmp_path / name, cover=cover)

    with pytest.raises(NotAVideoError):
        probe(path)


def test_a_photograph_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "photo.mp4"
    Image.fromarray(quarters(32, 32)).save(path, "JPEG")

    with pytest.raises(NotAVideoError):
        probe(path)


def test_a_play_list_cannot_make_us_open_other_files(grey_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{grey_video}\n#EXT-X-ENDLIST\n")

    with pytest.raises(NotAVideoError):
        probe(path)


def test_an_mp4_without_its_index_is_a_video_that_is_damaged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4", moving_frames(40), h264())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(VideoError, match="damaged or incomplete") as caught:
        probe(path)

    assert not isinstance(caught.value, NotAVideoError)


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi", ".flv"])
def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path, suffix: str) -> None:
    whole = write_video(tmp_path / f"whole{suffix}", moving_frames(60), h264(max_b_frames=0))
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    everything = decode_everything(cut)

    facts = probe(cut)
    times = (np.linspace(0, facts.num_frames, 9).round() / 10 + 0.01).tolist()

    assert 20 < facts.num_frames < 50
    assert np.array_equal(read_frames(cut, times, SPEC), everything.nearest(times, SPEC))


def test_a_hole_in_the_middle_costs_only_the_frames_in_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "hole.mkv", moving_frames(96), h264(max_b_frames=0))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1500] = bytes(1500)
    path.write_bytes(content)
    everything = decode_everything(path)
    times = np.linspace(0, 9.5, 40).tolist()

    frames = read_frames(path, times, SPEC)

    twin = everything.nearest(times, SPEC)
    same = [bool(np.array_equal(ours, theirs)) for ours, theirs in zip(frames, twin, strict=True)]
    assert all(same[:15])
    assert all(same[-15:])


def test_an_encrypted_video_says_so(tmp_path: Path) -> None:
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    recipe = replace(h264(), container_options=options)
    path = write_video(tmp_path / "secret.mp4", moving_frames(10), recipe)

    with pytest.raises(VideoError, match="encrypted"):
        probe(path)


@pytest.mark.parametrize("name", ["gone.mp4", "folder.mp4"])
def test_what_is_no_file_is_a_video_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.mp4").mkdir()

    with pytest.raises(VideoError, match=name):
        probe(tmp_path / name)


def test_recordings_that_were_joined_follow_each_other(tmp_path: Path) -> None:
    recipe = replace(h264(), fps=25)
    one = write_video(tmp_path / "one.ts", moving_frames(50), recipe)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 3)

    facts = probe(joined)
    times = [0.5, 2.5, 4.5]
    frames = read_frames(joined, times, SPEC)

    assert facts.num_frames == 150
    assert facts.duration_seconds == pytest.approx(6.0, abs=0.1)
    assert np.abs(frames.astype(int) - frames[0]).max() <= 8  # the same moment, three times


def test_a_size_that_changes_in_the_middle_is_taken_as_it_comes(tmp_path: Path) -> None:
    recipe = replace(h264(), fps=25)
    wide = write_video(tmp_path / "wide.ts", [quarters(96, 32)] * 40, recipe)
    high = write_video(tmp_path / "high.ts", [quarters(32, 96)] * 40, recipe)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(wide.read_bytes() + high.read_bytes())

    before, after = read_frames(joined, [0.5, 2.5], SQUASH).astype(int)

    assert np.abs(before - after).max() < 60
    assert np.abs(before[2, 2] - RED).max() < 40


def test_a_file_that_grew_since_it_was_scanned_says_so(tmp_path: Path) -> None:
    """Damage made it learn from packets that the scan had not seen: an IndexError once."""
    path = write_video(tmp_path / "grows.mkv", grey_frames(20), EXACT)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    scan = scan_of(path)
    path.write_bytes(whole)

    with pytest.raises(VideoError, match="it was changed while it was read"):
        learn_everything(scan, np.array([3]))


def test_a_file_that_shrank_since_it_was_scanned_says_so(tmp_path: Path) -> None:
    """Its missing frames would be taken for damage, and others shown in their place."""
    path = write_video(tmp_path / "shrinks.mkv", grey_frames(20), EXACT)
    whole = path.read_bytes()
    scan = scan_of(path)
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(VideoError, match="it was changed while it was read"):
        decode_wanted(scan, np.array([2, 18]), lambda packet, frame: None)


def test_what_was_learned_of_a_file_is_not_taken_for_its_next_version(tmp_path: Path) -> None:
    path = write_video(tmp_path / "grows.mkv", grey_frames(20), EXACT)
    scans, before = ScanCache(), FileVersion.of(path)
    scan = scans.scan(before)
    write_video(path, grey_frames(10), EXACT)

    scans.replace(before, replace(scan, lead_starts=2))

    assert scans.scan(before).lead_starts == 2
    assert len(scans.scan(FileVersion.of(path)).order_D) == 10


def test_a_video_whose_every_packet_is_damaged_holds_no_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "grey.mkv", grey_frames(3), EXACT)
    content = bytearray(path.read_bytes())
    scan = scan_of(path)
    for position, size in zip(scan.positions_P, scan.sizes_P, strict=True):
        content[position : position + size + 8] = bytes(size + 8)
    path.write_bytes(content)

    with pytest.raises(NoFrameError):
        probe(path)
