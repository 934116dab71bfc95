"""What a training step costs, and where: the objective, the loader, the arithmetic, the memory.

python benchmarks/training_speed.py                   about three minutes on two cores
python benchmarks/training_speed.py --dry-run         print, do not append to RESULTS.md

Everything is generated; nothing is trained that anybody would keep. On a CPU one thread computes
and its processor time counts, so that the figures are the same beside other work. Where a GPU is
there, the step and the objective are measured on it too, in bfloat16, by the clock.

Axes: B pairs, K negatives, D shared space, N items of a bank; M, K, N of a matrix product.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rig.generated_pairs import at_size, paper_sized
from rig.loader_speed import loader_section
from rig.recipe_memory import memory_section
from rig.results import markdown_table, record
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cpd_model.model import PairEmbeddings
from cpd_model.processor import Tokens
from training.config import LossChoice, RunConfig
from training.data.batch import Batch, BatchOrder
from training.data.pair import Pair
from training.features.frame_table import FrameTable
from training.features.pooled_texts import PooledTexts
from training.features.stream import FeaturePairs
from training.method.learners import build_optimizer
from training.method.objective import Objective, build_objective
from training.method.towers import PairTowers
from training.recipes import base
from training.run.distributed import Processes
from training.run.loop import Plan, TrainState, train, train_step
from training.run.model import RunModel, build_model

NUM_ITEMS, NUM_NEGATIVES, EMBED_DIM = 300_000, 16_392, 256
"""The paper's memory banks (Kinetics-210k has 210,000 pairs; the issue's N is larger)."""

PIXELS = 112
"""On a CPU half of the paper's side: the towers cost a quarter, and so the objective's share is
four times that of the paper's size."""

AIM = 0.05
"""The objective's largest share of the bare step."""

GPU_AIM = 0.4
"""Of the products' ceiling that a step in bfloat16 is to reach on a GPU."""

_HEADER = ["", "ms a step", "of the bare step", "floor, ms", "floor: bytes and operations"]


@dataclass(frozen=True)
class Place:
    """Where a step runs, and how large it is there."""

    device: str
    batch_size: int
    pixels: int

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.device == "cuda" else torch.float32

    def seconds(self, work: Callable[[], object], *, turns: int) -> float:
        """Median over the turns, after one that does not count."""
        clock = time.process_time if self.device == "cpu" else time.perf_counter
        took = []
        for _ in range(turns + 1):
            started = clock()
            work()
            if self.device == "cuda":
                torch.cuda.synchronize()
            took.append(clock() - started)
        return median(took[1:])


CPU = Place("cpu", batch_size=4, pixels=PIXELS)
GPU = Place("cuda", batch_size=32, pixels=224)


class Bare:
    """The cheapest objective with a gradient: the cosine of each pair."""

    chance_loss = 0.0

    def loss(self, pairs: PairEmbeddings, items_B: Tensor, *, step: int) -> Tensor:
        return -(pairs.video_BD * pairs.text_BD).sum(dim=1).mean()

    def after_step(self, pairs: PairEmbeddings, items_B: Tensor) -> None:
        """Nothing to remember."""

    def figures(self) -> dict[str, float]:
        return {}

    def parameters(self) -> Iterator[nn.Parameter]:
        return iter(())

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state: dict[str, object]) -> object:
        return None


def main() -> None:
    """Measure and record."""
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        config = paper_sized(scratch)
        parts = ["On a CPU: milliseconds of processor time on one thread."]
        for place in [CPU, *([GPU] if torch.cuda.is_available() else [])]:
            parts += _step_and_objective(config, place, scratch)
        parts += [
            _features(),
            memory_section(config, scratch, pixels=PIXELS, batch_size=CPU.batch_size),
        ]
    record(
        "Training speed",
        "\n\n".join(parts),
        **({"results": None} if options.dry_run else {}),
    )


def _step_and_objective(config: RunConfig, place: Place, scratch: Path) -> list[str]:
    config = at_size(config, place.pixels, place.batch_size)
    built = build_model(config.model, seed=0)
    nn.Module.to(built.model, place.device)
    state = _state(built, config, Bare())
    batch = _batch(built, config)

    def step() -> None:
        train_step(state, state.towers, batch, config=config, processes=Processes())

    seconds = place.seconds(step, turns=3 if place.device == "cpu" else 10)
    title = (
        f"**{place.device}: R3D-50 and DistilBERT, stage I, {place.batch_size} clips of 8 x "
        f"{place.pixels} x {place.pixels}, {str(place.dtype).removeprefix('torch.')}.**"
    )
    parts = [
        f"{title}\n\n{_objectives(place, seconds)}",
        _arithmetic(place, state, batch, step, seconds),
    ]
    if place.device == "cpu":
        parts.append(loader_section(state, built, config, seconds=seconds, scratch=scratch))
    return parts


def _state(built: RunModel, config: RunConfig, objective: Objective) -> TrainState:
    towers = PairTowers(built.model, built.processor, config=config)
    towers.train()
    return TrainState(
        towers=towers,
        objective=objective,
        optimizer=build_optimizer(built.model, objective.parameters(), config.optimizer),
    )


def _batch(built: RunModel, config: RunConfig) -> Batch:
    """Clips of noise, and captions of 16 tokens."""
    size, shape = config.data.batch_size, built.model.cpd_config
    random = torch.Generator().manual_seed(0)
    sides = (size, shape.num_frames, shape.frame_size, shape.frame_size, 3)
    ids_BL = torch.randint(5, 100, (size, 16), generator=random)
    return Batch(
        items_B=torch.arange(size),
        video=torch.randint(0, 256, sides, dtype=torch.uint8, generator=random),
        text=Tokens(ids_BL, torch.ones_like(ids_BL)),
    )


def _objectives(place: Place, bare_seconds: float) -> str:
    """Time of the objective alone, beside the step of the bare towers, and its floor."""
    bank_ND = torch.randn(NUM_ITEMS, EMBED_DIM, device=place.device)
    per_byte = place.seconds(bank_ND.sum, turns=5) / (4 * bank_ND.numel())
    del bank_ND
    rows = [["bare towers", f"{1e3 * bare_seconds:.0f}", "1", "-", "-"]]
    reached = []
    for shared in (False, True):
        seconds = _objective_seconds(place, shared=shared)
        num_bytes, operations = _floor(place.batch_size, shared=shared)
        floor = num_bytes * per_byte
        name = "one draw for the batch" if shared else "a draw for each pair"
        share = seconds / bare_seconds
        reached.append(f"{name} {100 * share:.1f} % ({'met' if share <= AIM else 'MISSED'})")
        rows.append(
            [
                f"NCE with banks, {name}",
                f"{1e3 * seconds:.1f}",
                f"{share:.3f}",
                f"{1e3 * floor:.1f}",
                f"{num_bytes / 1e6:.0f} MB, {operations / 1e9:.2f} GFLOP",
            ]
        )
    return (
        f"{markdown_table(_HEADER, rows)}\n\n"
        f"K = {NUM_NEGATIVES}, N = {NUM_ITEMS}, D = {EMBED_DIM}: loss, its gradient, and the "
        f"banks' update. Floor: each drawn row is read once in each pass, at the measured "
        f"{1e-9 / per_byte:.1f} GB/s of reading in order (rows at random cost more). Aim: at most "
        f"{100 * AIM:.0f} %: {'; '.join(reached)}. With a draw for each pair both sides grow with "
        "the batch, so that the share at the paper's batch is about this one; one draw is shared "
        "by more pairs there, and costs less."
    )


def _objective_seconds(place: Place, *, shared: bool) -> float:
    choice = LossChoice(kind="nce", num_negatives=NUM_NEGATIVES, shared_negatives=shared)
    objective = build_objective(
        choice,
        num_items=NUM_ITEMS,
        embed_dim=EMBED_DIM,
        seed=0,
        device=place.device,
        folder=None,
    )
    random = torch.Generator().manual_seed(0)
    sides = (
        nn.functional.normalize(torch.randn(place.batch_size, EMBED_DIM, generator=random), dim=1)
        for _ in range(2)
    )
    pairs = PairEmbeddings(*(side.to(place.device).requires_grad_() for side in sides))
    items_B = torch.arange(place.batch_size, device=place.device)

    def work() -> None:
        objective.loss(pairs, items_B, step=0).backward()
        objective.after_step(PairEmbeddings(*(side.detach() for side in pairs)), items_B)

    return place.seconds(work, turns=5)


def _floor(batch_size: int, *, shared: bool) -> tuple[int, int]:
    """Bytes and operations of both directions and both passes."""
    draws = 1 if shared else batch_size
    return 4 * 4 * draws * NUM_NEGATIVES * EMBED_DIM, 4 * 2 * batch_size * NUM_NEGATIVES * EMBED_DIM


def _arithmetic(
    place: Place, state: TrainState, batch: Batch, step: Callable[[], None], seconds: float
) -> str:
    """Operations of a step a second, against products of the shapes that it has."""
    with FlopCounterMode(display=False) as counter:
        step()
    reached = counter.get_total_flops() / seconds
    shapes = _product_shapes(state.towers, batch)
    operations, product_seconds = 0, 0.0
    for (m, k, n), count in shapes.items():
        left, right = (torch.randn(shape, device=place.device) for shape in ((m, k), (k, n)))
        left, right = left.to(place.dtype), right.to(place.dtype)
        took = place.seconds(lambda a=left, b=right: a @ b, turns=2)
        operations += count * 2 * m * k * n
        product_seconds += count * took
    ceiling = operations / product_seconds
    share = reached / ceiling
    aim = f" (aim: {100 * GPU_AIM:.0f} %)" if place.device == "cuda" else ""
    return (
        f"**Arithmetic, {place.device}.** A step has {counter.get_total_flops() / 1e9:.0f} GFLOP "
        f"and reaches {reached / 1e9:.0f} GFLOP/s; the {len(shapes)} matrix products of its "
        f"forward pass, alone, reach {ceiling / 1e9:.0f} GFLOP/s in the mix that it has: "
        f"{100 * share:.0f} %{aim}. The backward pass has the same products transposed, which "
        "are not timed on their own."
    )


def _product_shapes(towers: PairTowers, batch: Batch) -> Counter[tuple[int, int, int]]:
    """(M, K, N) of the products that convolutions and linear maps of a forward pass come to."""
    shapes: Counter[tuple[int, int, int]] = Counter()

    def note(module: nn.Module, inputs: object, output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        out, depth = len(weight), weight[0].numel()
        shapes[output.numel() // out, depth, out] += 1

    modules = [part for part in towers.modules() if isinstance(part, nn.Linear | nn.Conv3d)]
    hooks = [module.register_forward_hook(note) for module in modules]
    with torch.no_grad():
        towers(batch)
    for hook in hooks:
        hook.remove()
    return shapes


def _features() -> str:
    """Pairs a second of the recipe `base` on features that are known."""
    config = base()
    built = build_model(config.model, seed=0)
    size, num_items, frames = config.data.batch_size, 4096, built.model.cpd_config.num_frames
    random = np.random.default_rng(0)
    width = built.model.video_tower.num_features
    encoder_width = built.model.text_tower.encoder.config.hidden_size
    row_of_VNT = np.arange(num_items * frames).reshape(1, num_items, frames) % (num_items * 2)
    texts = PooledTexts(
        rows_UE=random.normal(size=(num_items * 5, encoder_width)).astype(np.float16),
        row_of_M=np.arange(num_items * 5),
        start_N=np.arange(0, num_items * 5, 5),
    )
    stream = FeaturePairs(
        [
            Pair(id=str(number), path=Path("generated"), captions=("a", "b", "c", "d", "e"))
            for number in range(num_items)
        ],
        FrameTable(
            rows_RF=random.random((num_items * 2, width), dtype=np.float32).astype(np.float16),
            row_of_VNT=row_of_VNT,
        ),
        order=BatchOrder(num_items=num_items, batch_size=size, seed=0),
        texts=texts,
        processor=built.processor,
    )
    started = time.process_time()
    for _ in stream.batches(0, 8):
        pass
    alone = 8 * size / (time.process_time() - started)
    objective = build_objective(
        config.loss,
        num_items=num_items,
        embed_dim=built.model.cpd_config.embed_dim,
        seed=0,
        device="cpu",
        folder=None,
    )
    state, plan = _state(built, config, objective), Plan(steps_per_epoch=4, total_steps=2)
    train(state, stream.batches(0, 2), config, plan=plan, on_step=lambda report: True)
    started = time.process_time()
    plan = replace(plan, total_steps=10)
    train(state, stream.batches(2, 10), config, plan=plan, on_step=lambda report: True)
    took = time.process_time() - started
    return (
        f"**Features.** The recipe `base` on known features ({width} of each of {frames} frames, "
        f"batches of {size}): {8 * size / took:.0f} pairs/s on one core; gathering alone "
        f"{alone:.0f} pairs/s, {100 * 8 * size / alone / took:.0f} % of the step."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
