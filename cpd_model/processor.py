"""CPDProcessor: what happens to frames and texts before the towers see them.

Axes: B batch, N frames, T frames of a clip, H height, W width, C channels (3, RGB), L tokens.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from cpd_model.config import CPDConfig
from cpd_model.encoder import ClipSpec
from cpd_model.fingerprint import PROCESSOR_FILE


class Tokens(NamedTuple):
    """Texts as the text tower takes them, padded to the longest."""

    input_ids_BL: Tensor
    """int64."""

    attention_mask_BL: Tensor
    """int64; 1 a token, 0 padding."""


class CPDProcessor:
    """Clips and texts -> tensors; saved beside the weights that they must match."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        clip_spec: ClipSpec,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        max_tokens: int,
    ) -> None:
        """`tokenizer` is Hugging Face's; `image_mean` and `image_std` apply to values in [0, 1]."""
        self.tokenizer = tokenizer
        self.clip_spec = clip_spec
        self.image_mean = tuple(image_mean)
        self.image_std = tuple(image_std)
        self.max_tokens = max_tokens

    @classmethod
    def for_config(cls, config: CPDConfig, tokenizer: Any) -> Self:
        """The processor that belongs to a model of this configuration."""
        return cls(
            tokenizer,
            clip_spec=config.clip_spec,
            image_mean=config.image_mean,
            image_std=config.image_std,
            max_tokens=config.text.max_tokens,
        )

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Read what `save_pretrained` wrote; OSError or ValueError where a file is damaged."""
        settings = json.loads((Path(folder) / PROCESSOR_FILE).read_text(encoding="utf-8"))
        tokenizer = _load_tokenizer(Path(folder))
        settings.pop("processor_class", None)
        settings["clip_spec"] = ClipSpec(**settings["clip_spec"])
        return cls(tokenizer, **settings)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer's files and `processor_config.json` into the folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(str(folder))
        text = json.dumps({"processor_class": type(self).__name__, **self.settings()}, indent=2)
        (Path(folder) / PROCESSOR_FILE).write_text(text + "\n", encoding="utf-8")

    def settings(self) -> dict[str, Any]:
        """All numbers of the processor, as stored; the tokenizer is apart."""
        return {
            "clip_spec": asdict(self.clip_spec),
            "image_mean": list(self.image_mean),
            "image_std": list(self.image_std),
            "max_tokens": self.max_tokens,
        }

    def frames(self, frames_NHWC: Tensor) -> Tensor:
        """Normalised float32 frames (N, C, H, W) of uint8 ones (N, H, W, C), on the same device."""
        mean_C = torch.tensor(self.image_mean, device=frames_NHWC.device)
        std_C = torch.tensor(self.image_std, device=frames_NHWC.device)
        # one multiply and one add; the result stays channels-last in memory, as convolutions like
        scaled_NHWC: Tensor = frames_NHWC.float() * (1 / (255 * std_C)) - mean_C / std_C
        return scaled_NHWC.permute(0, 3, 1, 2)

    def clips(self, clips_BTHWC: Tensor) -> Tensor:
        """Normalised float32 clips (B, C, T, H, W) of uint8 ones (B, T, H, W, C)."""
        batch, frames = clips_BTHWC.shape[:2]
        frames_NCHW = self.frames(clips_BTHWC.flatten(0, 1))
        clips_BTCHW: Tensor = frames_NCHW.unflatten(0, (batch, frames))
        return clips_BTCHW.transpose(1, 2)

    def texts(self, texts: Sequence[str]) -> Tokens:
        """Token ids and mask of texts, cut at `max_tokens` and padded to the longest of them."""
        encoded = self.tokenizer(
            list(texts),
            padding="longest",
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        return Tokens(encoded["input_ids"], encoded["attention_mask"])


def _load_tokenizer(folder: Path) -> Any:
    if not (folder / "tokenizer.json").exists():
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    # tokenizer.json says all; a model family's own class would rebuild parts by its own rules
    try:
        return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise ValueError(f"tokenizer.json cannot be read: {error}") from error
