"""What was embedded once is not decoded again, unless it is damaged or another model asks."""

import hashlib

import numpy as np
import pytest

from training.evaluation.cache import EmbeddedFile, EmbeddingCache, FailedFile, embed_with_cache

SETTING = {
    "fingerprint": "ab" * 32,
    "device": "cpu",
    "embed_dim": 3,
    "window_seconds": 4.0,
    "hop_seconds": 2.0,
}
HASH = "0123" * 16
ROWS_SD = np.arange(6, dtype=np.float32).reshape(2, 3)


class FakeDecoder:
    """Embeds a file as the count of its bytes; fails on BAD ones; remembers its work."""

    def __init__(self):
        self.seen = []

    def __call__(self, paths):
        for path in reversed(paths):  # answers come in order of completion, not of asking
            self.seen.append(path.name)
            content = path.read_bytes()
            if content.startswith(b"BAD"):
                yield FailedFile(path, "it is bad")
            else:
                content_hash = hashlib.sha256(content).hexdigest()
                yield EmbeddedFile(path, content_hash, np.full((2, 3), len(content), np.float32))


def refuse(paths):
    raise AssertionError(f"asked to decode {paths}")


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache", **SETTING)


@pytest.fixture
def files(tmp_path):
    contents = {"a.mp4": b"a", "b.mp4": b"bb", "copy of b.mp4": b"bb"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def test_what_was_saved_comes_back(cache):
    assert cache.load(HASH) is None

    cache.save(HASH, ROWS_SD)

    loaded = cache.load(HASH)
    np.testing.assert_array_equal(loaded, ROWS_SD)
    assert loaded.dtype == np.float32
    assert loaded.flags.writeable


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "cd" * 32},
        {"device": "cuda:0"},
        {"window_seconds": 3.0},
        {"hop_seconds": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_setting_finds_nothing(cache, tmp_path, change):
    cache.save(HASH, ROWS_SD)

    assert EmbeddingCache(tmp_path / "cache", **SETTING | change).load(HASH) is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-1], id="cut"),
        pytest.param(lambda content: content[:-12], id="a row lost"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[:40] + b"\x01" + content[41:], id="one byte changed"),
        pytest.param(lambda content: hashlib.sha256(b"").digest(), id="no row"),
    ],
)
def test_a_damaged_entry_is_no_entry(cache, damage):
    cache.save(HASH, ROWS_SD)
    (entry,) = [path for path in cache.folder.rglob("*") if path.is_file()]

    entry.write_bytes(damage(entry.read_bytes()))

    assert cache.load(HASH) is None


def test_a_second_run_decodes_nothing(cache, files):
    first = embed_with_cache(files, cache, FakeDecoder())

    second = embed_with_cache(files, cache, refuse)

    assert second.embeddings.keys() == set(files)
    np.testing.assert_equal(second.embeddings, first.embeddings)
    assert second.reasons == {}


def test_a_changed_file_is_decoded_again_and_files_of_equal_bytes_once(cache, files):
    decoder = FakeDecoder()
    embed_with_cache(files, cache, decoder)
    files[0].write_bytes(b"aaa")

    pool = embed_with_cache(files, cache, decoder)

    assert decoder.seen == ["b.mp4", "a.mp4", "a.mp4"]
    assert [pool.embeddings[path][0, 0] for path in files] == [3, 2, 2]


def test_a_failed_file_has_a_reason_and_is_tried_again(cache, files):
    decoder = FakeDecoder()
    files[1].write_bytes(b"BAD")
    missing = files[0].parent / "missing.mp4"
    paths = [files[0], files[1], missing, files[0].parent]
    embed_with_cache(paths, cache, decoder)

    pool = embed_with_cache(paths, cache, decoder)

    assert pool.reasons == {
        files[1]: "it is bad",
        missing: "no such file",
        files[0].parent: "the folder holds no picture (jpg, png, webp, bmp, tiff ...)",
    }
    assert list(pool.embeddings) == [files[0]]
    assert decoder.seen == ["b.mp4", "a.mp4", "b.mp4"]


def test_progress_ends_with_every_video_counted(cache, files):
    files[0].write_bytes(b"BAD")
    told = []

    embed_with_cache(files, cache, FakeDecoder(), on_progress=lambda *counts: told.append(counts))

    assert told[-1] == (3, 3, 1)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, files):
    (tmp_path / "cache").write_text("a file where the folder should be")

    pool = embed_with_cache(files, EmbeddingCache(tmp_path / "cache", **SETTING), FakeDecoder())

    assert pool.embeddings.keys() == set(files)


def test_a_decoder_that_forgets_a_file_is_found_out(cache, files):
    with pytest.raises(RuntimeError, match="no answer for 2 files"):
        embed_with_cache(files, cache, lambda paths: iter(()))
