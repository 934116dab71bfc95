"""What a ready-made model wants done to a frame, read from its own folder.

Frames arrive here as uint8, decoded and resized by `index` as the clip specification says. What is
left is arithmetic on their values, and that runs on the device, in torch: the image processors
of transformers would resize once more, or ask for torchvision.

Axes: N frames, H height, W width, C channels (RGB).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cpd_model.encoder import ClipSpec
from cpd_model.errors import BundleError

if TYPE_CHECKING:
    import torch

_DEFAULT_RESCALE = 1 / 255  # of every image processor, and absent from the files of older ones


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessing:
    """How a frame is brought to size, and how its values are then scaled."""

    frame_size: int
    """Height and width of a frame as the tower sees it, in pixels."""

    resize: Literal["crop", "squash"]
    """As in ClipSpec."""

    short_side: int
    """As in ClipSpec."""

    rescale: float
    """Multiplies the values 0..255."""

    mean: tuple[float, float, float]
    """Taken from the rescaled values, per channel."""

    std: tuple[float, float, float]
    """Divides what is left, per channel."""

    def clip_spec(self, *, num_frames: int) -> ClipSpec:
        """The clips of `num_frames` frames that this preprocessing wants."""
        return ClipSpec(
            num_frames=num_frames,
            frame_size=self.frame_size,
            resize=self.resize,
            short_side=self.short_side,
        )

    def pixels(self, frames_NHWC: "torch.Tensor") -> "torch.Tensor":
        """float32 (N, C, H, W) of uint8 frames (N, H, W, C), on the same device."""
        import torch

        mean_C = torch.tensor(self.mean, device=frames_NHWC.device)
        std_C = torch.tensor(self.std, device=frames_NHWC.device)
        values_NHWC = (frames_NHWC.float() * self.rescale - mean_C) / std_C
        return values_NHWC.permute(0, 3, 1, 2)


def read_image_config(folder: Path) -> dict[str, Any]:
    """The settings of the folder's image processor, as transformers finds them.

    Newer folders nest them in processor_config.json, older ones have preprocessor_config.json.

    Raises:
        BundleError: neither file, or one that is not JSON.
    """
    config = read_transformers_json(folder / "processor_config.json").get("image_processor")
    if not isinstance(config, dict):
        config = read_transformers_json(folder / "preprocessor_config.json")
    if not config:
        raise BundleError(
            f"{folder.name} has no preprocessor_config.json, which says how large its frames are "
            "and how they are normalised: copy it from where the model came from"
        )
    return config


def read_transformers_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a transformers folder; an empty one where there is none.

    Raises:
        BundleError: the file holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BundleError(f"cannot read {path.name} of {path.parent.name}: {error}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path.name} of {path.parent.name} is not a JSON object")
    return content


def preprocessing_of(
    config: dict[str, Any], *, model: str, crops: bool, tower_size: int
) -> Preprocessing:
    """What an image processor's settings say, checked against the tower.

    Args:
        config: as `read_image_config` gives it.
        model: its name, for messages.
        crops: whether this family cuts the centre out where the settings do not say.
        tower_size: height and width that the tower takes, in pixels.

    Raises:
        BundleError: a setting is missing, or means something that no clip specification can say.
    """
    if not config.get("do_resize", True):
        raise BundleError(f"{model} takes frames of any size (do_resize is false): not supported")
    short_side, squashed = _size(config, "size", model=model, one_number_squashes=not crops)
    frame_size = short_side
    # Without a cut, the short side alone would leave frames of many shapes, which no batch holds.
    if config.get("do_center_crop", crops):
        frame_size, _ = _size(config, "crop_size", model=model, one_number_squashes=True)
    if squashed and short_side != frame_size:
        raise BundleError(
            f"{model} squashes frames to {short_side} pixels and cuts {frame_size} out of them: "
            "not supported, expected one of the two"
        )
    if short_side < frame_size or frame_size != tower_size:
        raise BundleError(
            f"{model} contradicts itself: frames are resized to {short_side} and cut to "
            f"{frame_size} pixels, but its tower takes {tower_size}"
        )
    return Preprocessing(
        frame_size=frame_size,
        resize="squash" if squashed else "crop",
        short_side=short_side,
        rescale=_rescale(config),
        mean=_per_channel(config, "image_mean", neutral=0.0, model=model),
        std=_per_channel(config, "image_std", neutral=1.0, model=model),
    )


def squashed_to(config: dict[str, Any], *, model: str, frame_size: int) -> Preprocessing:
    """The same for a tower that takes frames of many shapes: squares of `frame_size` pixels."""
    square = {"height": frame_size, "width": frame_size}
    return preprocessing_of(
        {**config, "do_resize": True, "size": square, "do_center_crop": False},
        model=model,
        crops=False,
        tower_size=frame_size,
    )


def _size(
    config: dict[str, Any], key: str, *, model: str, one_number_squashes: bool
) -> tuple[int, bool]:
    """A size in pixels, and whether both sides are brought to it."""
    size = config.get(key)
    if isinstance(size, int):
        return size, one_number_squashes
    if isinstance(size, dict):
        shortest, height, width = (size.get(k) for k in ("shortest_edge", "height", "width"))
        if isinstance(shortest, int):
            return shortest, False
        if isinstance(height, int) and height == width:
            return height, True
    raise BundleError(f"{model} says {key} = {size} in its preprocessor_config.json: not supported")


def _rescale(config: dict[str, Any]) -> float:
    return float(config.get("rescale_factor", _DEFAULT_RESCALE)) if _does(config, "rescale") else 1


def _does(config: dict[str, Any], step: str) -> bool:
    return bool(config.get(f"do_{step}", True))


def _per_channel(
    config: dict[str, Any], key: str, *, neutral: float, model: str
) -> tuple[float, float, float]:
    values = config.get(key) if _does(config, "normalize") else [neutral] * 3
    if isinstance(values, int | float):
        values = [values] * 3
    if not isinstance(values, list) or len(values) != 3:
        raise BundleError(
            f"{model} says {key} = {values} in its preprocessor_config.json, expected three numbers"
        )
    red, green, blue = (float(value) for value in values)
    return red, green, blue
