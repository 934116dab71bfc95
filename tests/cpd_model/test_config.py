"""CPDConfig: presets, the round trip through a file, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from cpd_model.config import PRESETS, CPDConfig, FramesOptions, ResNet3DOptions, TextOptions


def test_the_paper_is_the_preset_cpd_r50() -> None:
    config = CPDConfig.preset("cpd-r50")

    assert config.video == ResNet3DOptions(depth=50, shortcut="A", base_channels=64)
    assert config.text == TextOptions(
        encoder={"model_type": "distilbert"}, max_tokens=64, projection="mlp", hidden_dim=512
    )
    assert (config.embed_dim, config.similarity_temperature) == (256, 0.07)
    assert (config.image_mean, config.image_std) == ([0.45] * 3, [0.225] * 3)
    spec = config.clip_spec
    assert (spec.num_frames, spec.frame_size, spec.resize) == (8, 224, "crop")
    assert spec.span_seconds == pytest.approx(32 / 30)


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_its_file(name: str, tmp_path: Path) -> None:
    config = CPDConfig.preset(name)

    config.save_pretrained(tmp_path)
    loaded = CPDConfig.from_pretrained(tmp_path)

    assert loaded.to_dict() == config.to_dict()
    assert (loaded.video, loaded.text) == (config.video, config.text)


def test_the_file_names_every_option_of_both_towers(tmp_path: Path) -> None:
    CPDConfig.preset("tiny-frames").save_pretrained(tmp_path)

    stored = json.loads((tmp_path / "config.json").read_text())

    assert set(stored["video_options"]) == set(FramesOptions.__dataclass_fields__)
    assert set(stored["text_options"]) == set(TextOptions.__dataclass_fields__)


def test_a_preset_can_be_changed_by_keyword() -> None:
    config = CPDConfig.preset("tiny-resnet3d", num_frames=6)

    assert config.clip_spec.num_frames == 6


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"video_tower": "vit"}, "video_tower must be one of resnet3d, frames, got 'vit'"),
        ({"resize": "stretch"}, "resize must be one of crop, squash"),
        ({"embed_dim": 0}, "embed_dim must be positive, got 0"),
        ({"similarity_temperature": -1.0}, "similarity_temperature must be positive, got -1.0"),
        ({"similarity_temperature": float("nan")}, "similarity_temperature must be positive"),
        ({"num_frames": 0}, "num_frames must be positive"),
        ({"short_side": 100}, "short_side must be at least frame_size"),
        ({"image_mean": [0.5]}, "image_mean must be three numbers"),
        ({"image_std": [0.5, 0.0, 0.5]}, "image_std must be positive"),
        ({"video_options": {"depth": 42}}, "depth must be one of 10, 18, 34, 50, 101, got 42"),
        ({"video_options": {"shortcut": "C"}}, "shortcut must be one of A, B, got 'C'"),
        ({"video_options": {"width": 3}}, "unknown or missing option of a tower"),
        ({"text_options": {"encoder": {}, "max_tokens": 9}}, "must name its model_type"),
        ({"text_options": {"max_tokens": 9}}, "unknown or missing option of a tower"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(")):
        CPDConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"kept_classes": 13}, "kept_classes must be at most num_classes, got 13 of 12"),
        ({"class_temperature": 0.0}, "class_temperature must be positive"),
        ({"temporal": "lstm"}, "temporal must be one of mean, residual"),
        ({"hidden_dim": -1}, "hidden_dim must be 0 or positive"),
        ({"input_dropout": 1.0}, r"input_dropout must be in \[0, 1\)"),
        ({"projection": False}, "needs a label_prior, a projection, or both"),
    ],
)
def test_a_frames_tower_that_cannot_be_built_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        FramesOptions(**{"num_classes": 12, "kept_classes": 3, **changes})


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="preset must be one of cpd-r50, tiny"):
        CPDConfig.preset("cpd-r5000")
