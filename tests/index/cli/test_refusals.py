"""What cannot run is one sentence on stderr and exit status 2."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cpd_model.testing import tiny_bundle
from tests.index.colored_videos import Ended

Call = Callable[..., Ended]
ONE_SENTENCE = {
    "an absent path": (["index", "add", "{tmp}/absent", "--library", "{tmp}/lib"], "no such file"),
    "an absent model": (
        ["index", "add", "{videos}", "--library", "{tmp}/lib", "--model", "{tmp}/none"],
        "no model",
    ),
    "a file as library": (
        ["index", "add", "{videos}", "--library", "{videos}/notes.txt", "--model", "{bundle}"],
        "notes.txt",
    ),
    "no library": (["search", "red", "--library", "{tmp}/none"], "no library"),
    "status of no library": (["index", "status", "--library", "{tmp}/none"], "no library"),
    "an empty query": (["search", "  ", "--library", "{lib}"], "query is empty"),
    "a query that is no text": (
        ["search", "caf\udce9", "--library", "{lib}"],
        "the query holds bytes that are no UTF-8",
    ),
    "a window too short to keep": (
        ["index", "add", "{videos}", "--library", "{tmp}/lib", "--window", "1e-9"],
        "the window must be at least 0.1 s",
    ),
    "a hop too short to keep": (
        ["index", "add", "{videos}", "--library", "{tmp}/lib", "--hop", "1e-9"],
        "the hop must be at least 0.1 s",
    ),
    "another window": (
        ["index", "add", "{videos}", "--library", "{lib}", "--window", "8"],
        "window of 4 s, not 8 s",
    ),
    "another hop": (["index", "add", "{videos}", "--library", "{lib}", "--hop", "1"], "hop of 2 s"),
    "a hop with gaps": (
        ["index", "add", "{videos}", "--library", "{tmp}/lib", "--hop", "5"],
        "at most the window",
    ),
    "another model": (
        ["index", "add", "{videos}", "--library", "{lib}", "--model", "{other}"],
        "was built by",
    ),
    "an unknown device of an add": (
        ["index", "add", "{videos}", "--library", "{lib}", "--device", "tpu"],
        "unknown device 'tpu': expected auto, cpu, cuda",
    ),
    "an unknown device": (
        ["search", "red", "--library", "{lib}", "--device", "tpu"],
        "unknown device 'tpu': expected auto, cpu, cuda",
    ),
    "one label": (["label", "{videos}/red.mp4", "--labels", "red"], "at least two"),
    "a label twice": (["label", "{videos}/red.mp4", "--labels", "red,blue,red"], "once"),
    "no labels": (["label", "{videos}/red.mp4"], "either"),
    "two sources of labels": (
        ["label", "{videos}/red.mp4", "--labels", "a,b", "--labels-file", "{videos}/notes.txt"],
        "either",
    ),
    "an absent video": (["label", "{tmp}/none.mp4", "--labels", "a,b"], "no such video"),
    "a video that is none": (
        ["label", "{videos}/broken.mp4", "--labels", "a,b", "--model", "{bundle}"],
        "broken.mp4",
    ),
}


@pytest.mark.parametrize("case", ONE_SENTENCE)
def test_what_cannot_run_is_one_sentence_and_exit_2(
    case: str, call: Call, lib: Path, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    words, sentence = ONE_SENTENCE[case]
    other = tiny_bundle(tmp_path / "other", seed=1) if "{other}" in words else ""
    names = {"tmp": tmp_path, "lib": lib, "bundle": bundle, "videos": videos, "other": other}

    ended = call(*(word.format(**names) for word in words))

    assert ended.code == 2
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert ended.out == ""


def test_a_library_whose_model_changed_is_refused(call: Call, videos: Path, tmp_path: Path) -> None:
    """The folder of that name holds other weights now, whose vectors live in another space."""
    import shutil

    bundle = tiny_bundle(tmp_path / "model")
    words = ("--library", tmp_path / "lib", "--model", bundle)
    assert call("index", "add", videos / "red.mp4", *words).code == 0
    shutil.rmtree(bundle)
    tiny_bundle(bundle, seed=1)

    ended = call("search", "red", "--library", tmp_path / "lib")

    assert ended.code == 2
    assert "was built by" in ended.err
