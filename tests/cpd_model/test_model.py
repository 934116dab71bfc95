"""CPDModel: unit vectors, B = 1, the round trip through a folder, and shapes at the door."""

from pathlib import Path

import pytest
import torch

from cpd_model.config import CPDConfig
from cpd_model.model import CPDModel, PairEmbeddings

TINY = ["tiny-resnet3d", "tiny-frames"]


def tiny(preset: str) -> CPDModel:
    torch.manual_seed(0)
    model = CPDModel(CPDConfig.preset(preset))
    model.train(False)
    return model


def pairs(batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    ids_BL = torch.randint(4, 64, (batch, 5))
    return torch.randn(batch, 3, 4, 32, 32), ids_BL, torch.ones_like(ids_BL)


@pytest.mark.parametrize("preset", TINY)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_both_sides_are_unit_vectors_of_one_space(preset: str, batch: int) -> None:
    model = tiny(preset)

    with torch.inference_mode():
        embeddings = model(*pairs(batch))

    assert isinstance(embeddings, PairEmbeddings)
    for side_BD in embeddings:
        assert side_BD.shape == (batch, 8)
        assert side_BD.dtype == torch.float32
        torch.testing.assert_close(side_BD.norm(dim=1), torch.ones(batch))


@pytest.mark.parametrize("preset", TINY)
def test_a_batch_equals_its_items_alone(preset: str) -> None:
    model = tiny(preset)
    clips_BCTHW, ids_BL, mask_BL = pairs(3)

    with torch.inference_mode():
        together = model(clips_BCTHW, ids_BL, mask_BL)
        alone = [model(clips_BCTHW[[row]], ids_BL[[row]], mask_BL[[row]]) for row in range(3)]

    torch.testing.assert_close(together.video_BD, torch.cat([one.video_BD for one in alone]))
    torch.testing.assert_close(together.text_BD, torch.cat([one.text_BD for one in alone]))


@pytest.mark.parametrize("preset", TINY)
def test_a_saved_model_comes_back_with_equal_weights_and_answers(
    preset: str, tmp_path: Path
) -> None:
    model = tiny(preset)

    model.save_pretrained(tmp_path)
    loaded = CPDModel.from_pretrained(tmp_path)
    loaded.train(False)

    assert (tmp_path / "model.safetensors").is_file()
    assert loaded.state_dict().keys() == model.state_dict().keys()
    torch.testing.assert_close(dict(loaded.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    with torch.inference_mode():
        assert torch.equal(loaded(*pairs(2)).video_BD, model(*pairs(2)).video_BD)


@pytest.mark.parametrize("preset", TINY)
def test_a_step_of_training_changes_both_towers(preset: str) -> None:
    model = tiny(preset)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    embeddings = model(*pairs(4))
    (1 - (embeddings.video_BD * embeddings.text_BD).sum(dim=1)).mean().backward()
    optimizer.step()

    changed = {
        name.split(".")[0]
        for name, weight in model.state_dict().items()
        if not torch.equal(weight, before[name])
    }
    assert {"video_tower", "text_tower"} <= changed


@pytest.mark.parametrize(
    "shape", [(3, 4, 32, 32), (1, 3, 5, 32, 32), (1, 3, 4, 31, 32), (1, 4, 3, 32, 32)]
)
def test_a_clip_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"clips must be \(B, \(3, 4, 32, 32\)\), got"):
        tiny("tiny-frames").encode_video(torch.zeros(shape))


def test_a_tower_that_looks_across_frames_has_no_features_of_single_ones() -> None:
    model = tiny("tiny-resnet3d")

    assert not model.pools_frames
    with pytest.raises(ValueError, match="a resnet3d tower looks across frames"):
        model.encode_frames(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="a resnet3d tower looks across frames"):
        model.pool_frames(torch.zeros(1, 4, 32))


def test_the_papers_model_has_the_papers_heads() -> None:
    with torch.device("meta"):
        model = CPDModel(CPDConfig.preset("cpd-r50"))

    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    assert shapes["video_projection.weight"] == (256, 2048)
    assert shapes["text_tower.projection.0.weight"] == (512, 768)
    assert shapes["text_tower.projection.3.weight"] == (256, 512)
    assert shapes["text_tower.encoder.embeddings.word_embeddings.weight"] == (30522, 768)
