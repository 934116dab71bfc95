"""Objectives: a loss with what it remembers from step to step and what it learns itself.

Axes: B pairs of this process, G pairs of all processes, K negatives, D dimensions.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cpd_model.errors import InputError
from cpd_model.model import PairEmbeddings
from training.config import LossChoice
from training.method.gathering import gather_rows, process_index
from training.method.loss import info_nce_loss, nce_loss, sigmoid_loss
from training.method.memory import MemoryBank, bank_bytes, check_disk, draw_negatives
from training.method.partition import LogPartition

_SIGMOID_BIAS = -10.0
"""Where the bias starts: all pairs of a batch are taken for strangers (arXiv 2303.15343)."""


class Objective(Protocol):
    """What a training loop needs of a loss."""

    @property
    def chance_loss(self) -> float:
        """The loss of a model that knows nothing; infinite where the batch size is not known."""
        ...

    @property
    def temperature(self) -> float:
        """What this loss divides cosines by now: what a softmax over labels has to divide by."""
        ...

    def loss(self, pairs: PairEmbeddings, items_B: Tensor, *, step: int) -> Tensor:
        """0-d, a function of the step and of what `after_step` kept, the same each time.

        Averaged over processes, its value and gradients are those of one process with all pairs.

        Args:
            items_B: int64, which pair of the list each row is; all different.
        """
        ...

    def after_step(self, pairs: PairEmbeddings, items_B: Tensor) -> None:
        """Remember what the loss before this saw; all processes then remember the same."""
        ...

    def figures(self) -> dict[str, float]:
        """What is worth a curve."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """What the loss learns itself."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that it remembers and learned."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Go on as the one whose state this is."""
        ...


def build_objective(
    choice: LossChoice,
    *,
    num_items: int,
    embed_dim: int,
    seed: int,
    device: str,
    folder: Path | None,
    batch_size: int | None = None,
) -> Objective:
    """The objective of a run.

    Args:
        num_items: N, pairs of the list.
        folder: where banks on disk go.
        batch_size: pairs of a step, of all processes; without it `chance_loss` is infinite for
            the losses that compare within a batch.

    Raises:
        InputError: more negatives than items, or banks that do not fit on the disk.
    """
    if choice.kind == "nce":
        return NCEObjective(
            choice,
            num_items=num_items,
            embed_dim=embed_dim,
            seed=seed,
            device=device,
            folder=folder,
        )
    if choice.kind == "infonce":
        return InfoNCEObjective(choice, batch_size=batch_size)
    return SigmoidObjective(choice, batch_size=batch_size, device=device)


class NCEObjective:
    """Pair discrimination by NCE against memory banks: the paper's objective, both directions.

    A video is compared with the TEXT bank, a text with the VIDEO bank, both at the same K items.
    """

    def __init__(
        self,
        choice: LossChoice,
        *,
        num_items: int,
        embed_dim: int,
        seed: int,
        device: str,
        folder: Path | None,
    ) -> None:
        """Banks of random rows; see `build_objective`.

        Raises:
            InputError: more negatives than items, or banks that do not fit on the disk.
        """
        _check_negatives(choice, num_items)
        self._choice = choice
        self._num_items = num_items
        self._seed = seed
        places: dict[str, str | Path] = {"video": device, "text": device}
        if choice.bank_on_disk:
            if folder is None:
                raise ValueError("banks on disk need a folder")
            size = bank_bytes(num_items, embed_dim, dtype=choice.bank_dtype)
            rank, world_size = process_index()
            check_disk(folder, needed_bytes=(world_size + 1) * size)
            # a shared file would be changed once by each process
            places = {side: folder / f"{side}-{rank}.bank" for side in places}
        self._banks = {
            side: MemoryBank.random(
                num_items,
                embed_dim,
                momentum=choice.bank_momentum,
                dtype=choice.bank_dtype,
                seed=[seed, number],
                place=place,
            )
            for number, (side, place) in enumerate(places.items())
        }
        self._partitions = {side: LogPartition(num_items=num_items) for side in ("video", "text")}

    @property
    def temperature(self) -> float:
        """See Objective; as it was chosen."""
        return self._choice.temperature

    @property
    def chance_loss(self) -> float:
        """Of a model that equals the noise: both directions are added, as the authors do."""
        count = self._choice.num_negatives
        return 2 * (math.log1p(count) + count * math.log1p(1 / count))

    def loss(self, pairs: PairEmbeddings, items_B: Tensor, *, step: int) -> Tensor:
        """See Objective; the sum of both directions."""
        negatives = self._draw(items_B, step)
        return self._direction("video", pairs.video_BD, "text", items_B, negatives) + (
            self._direction("text", pairs.text_BD, "video", items_B, negatives)
        )

    def after_step(self, pairs: PairEmbeddings, items_B: Tensor) -> None:
        """Write the rows of all processes into the banks; the partition constants are kept."""
        items_G = gather_rows(items_B)
        self._banks["video"].update(items_G, gather_rows(pairs.video_BD))
        self._banks["text"].update(items_G, gather_rows(pairs.text_BD))
        for partition in self._partitions.values():
            partition.commit()

    def figures(self) -> dict[str, float]:
        """log Z of both directions."""
        return {
            f"log_partition_{side}": partition.value.item()
            for side, partition in self._partitions.items()
        }

    def parameters(self) -> Iterator[nn.Parameter]:
        """Nothing."""
        return iter(())

    def state_dict(self) -> dict[str, Any]:
        """Banks and partition constants; the rows are the banks' own, not copies."""
        state: dict[str, Any] = {}
        for side, bank in self._banks.items():
            state[f"{side}_bank"] = bank.state_dict()
            partition = self._partitions[side]
            state[f"{side}_partition"] = {
                "log_value": partition.value,
                "known": partition.known,
            }
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the one whose state this is."""
        for side, bank in self._banks.items():
            bank.load_state_dict(state[f"{side}_bank"])
            saved, partition = state[f"{side}_partition"], self._partitions[side]
            partition.value = saved["log_value"].clone()
            partition.known = saved["known"]

    def _draw(self, items_B: Tensor, step: int) -> Tensor:
        """Negatives of this process's pairs, (B, K); (K,) where the batch shares them.

        Drawn for the pairs of all processes, so that they are those of one process with all.
        """
        shared = self._choice.shared_negatives
        items_G = items_B[:1] if shared else gather_rows(items_B)
        drawn_GK = draw_negatives(
            items_G,
            self._choice.num_negatives,
            num_items=self._num_items,
            seed=[self._seed, step],
        )
        start = process_index()[0] * len(items_B)
        return drawn_GK[0] if shared else drawn_GK[start : start + len(items_B)]

    def _direction(
        self, side: str, queries_BD: Tensor, other: str, items_B: Tensor, negatives: Tensor
    ) -> Tensor:
        """The loss of one side's embeddings against the other side's bank."""
        bank, temperature = self._banks[other], self._choice.temperature
        positive_B = bank.similarities(queries_BD, items_B.unsqueeze(1)).squeeze(1)
        if negatives.ndim == 1:
            negatives_BK = bank.shared_similarities(queries_BD, negatives)
        else:
            negatives_BK = bank.similarities(queries_BD, negatives)
        log_partition = self._partitions[side].look(
            positive_B, negatives_BK, temperature=temperature
        )
        return nce_loss(
            positive_B,
            negatives_BK,
            temperature=temperature,
            num_items=self._num_items,
            log_partition=log_partition,
        )


class InfoNCEObjective:
    """Softmax within the batch; remembers and learns nothing."""

    def __init__(self, choice: LossChoice, *, batch_size: int | None) -> None:
        self._choice = choice
        self.chance_loss = math.inf if batch_size is None else math.log(batch_size)
        self.temperature = choice.temperature

    def loss(self, pairs: PairEmbeddings, items_B: Tensor, *, step: int) -> Tensor:
        """See Objective; the mean of both directions."""
        return info_nce_loss(
            pairs.video_BD,
            pairs.text_BD,
            temperature=self._choice.temperature,
        )

    def after_step(self, pairs: PairEmbeddings, items_B: Tensor) -> None:
        """Nothing to remember."""

    def figures(self) -> dict[str, float]:
        """None."""
        return {}

    def parameters(self) -> Iterator[nn.Parameter]:
        """Nothing."""
        return iter(())

    def state_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to load."""


class SigmoidObjective(nn.Module):
    """Each video and text of the batch on its own; learns its scale and bias."""

    def __init__(self, choice: LossChoice, *, batch_size: int | None, device: str) -> None:
        super().__init__()
        # the logarithm learns, so that the scale stays positive
        start = -math.log(choice.temperature)
        self.log_scale = nn.Parameter(torch.tensor(start, device=device))
        self.bias = nn.Parameter(torch.tensor(_SIGMOID_BIAS, device=device))
        self.chance_loss = math.inf if batch_size is None else _best_constant_loss(batch_size)

    @property
    def temperature(self) -> float:
        """One over the scale that it learned.

        Its bias goes nowhere: added to the score of every label, it leaves a softmax as it is.
        """
        return math.exp(-self.log_scale.item())

    def loss(self, pairs: PairEmbeddings, items_B: Tensor, *, step: int) -> Tensor:
        """See Objective."""
        return sigmoid_loss(
            pairs.video_BD, pairs.text_BD, scale=self.log_scale.exp(), bias=self.bias
        )

    def after_step(self, pairs: PairEmbeddings, items_B: Tensor) -> None:
        """Nothing to remember."""

    def figures(self) -> dict[str, float]:
        """What it learned."""
        return {"scale": self.log_scale.exp().item(), "bias": self.bias.item()}


def _best_constant_loss(batch_size: int) -> float:
    if batch_size == 1:
        return 0.0
    others = batch_size - 1
    return math.log(batch_size) + others * math.log(batch_size / others)


def _check_negatives(choice: LossChoice, num_items: int) -> None:
    if not 1 <= choice.num_negatives <= num_items:
        raise InputError(
            f"loss.num_negatives is {choice.num_negatives} and there are {num_items} pairs to "
            f"draw from: set it between 1 and {num_items} with --set loss.num_negatives={num_items}"
        )
