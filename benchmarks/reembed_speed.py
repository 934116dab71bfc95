"""How fast a second model embeds the videos of a library, beside an add of them.

    python benchmarks/reembed_speed.py                      two generated minutes; into RESULTS.md
    python benchmarks/reembed_speed.py --clips FOLDER --dry-run

Both decode and embed the same videos by the same model, the second with a window that is a
millisecond longer and so has as many segments and frames: only what is around them differs.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from rig.generated_video import describe_video, minute_of_video, repeat
from rig.process_tree import measured
from rig.results import markdown_table, record

from cpd_model.encoder import Encoder
from index.decoding.pool import DecodePool
from index.library.add import add_videos
from index.library.library import Library
from index.library.opening import open_for_adding
from index.reembedding.reembed import reembed
from index.segments import Windows


def main() -> None:
    """Measure both over the same videos and record their ratio."""
    options = _options()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as cpd.main does
    with tempfile.TemporaryDirectory(prefix="cpd-bench-") as folder:
        clips, what = options.clips, str(options.clips)
        if clips is None:
            clips = Path(folder) / "videos"
            clips.mkdir()
            repeat(minute_of_video(), clips / "generated.mp4", minutes=options.minutes)
            what = f"{options.minutes} minutes, {describe_video(clips / 'generated.mp4')}"
        rows = _measure(Path(folder) / "library", clips, options.model)
    record(
        f"Reembed beside add: {what}",
        markdown_table(["", "seconds", "segments a second", "processor seconds"], rows),
        **({"results": None} if options.dry_run else {}),
    )


def _measure(folder: Path, clips: Path, model: str) -> list[list[str]]:
    library, load = open_for_adding(folder, model=model, device="cpu")
    encoder = load()
    with library, DecodePool() as pool:
        add = _timed("add", lambda: add_videos([clips], library, encoder, pool).segments)
        again = _timed("reembed", lambda: _other_windows(library, encoder, pool))
    ratio = float(again[2]) / float(add[2])
    return [add, again, ["reembed / add", "", f"{ratio:.2f}", ""]]


def _other_windows(library: Library, encoder: Encoder, pool: DecodePool) -> int:
    """Reembed by the same model, which with this window is another one to the library."""
    own = library.settings
    windows = Windows(own.window_seconds + 0.001, own.hop_seconds)
    return reembed(library, encoder, pool, windows=windows).segments


def _timed(name: str, work: Callable[[], int]) -> list[str]:
    with measured() as cost:
        num_segments = work()
    speed = num_segments / cost.seconds
    return [name, f"{cost.seconds:.1f}", f"{speed:.1f}", f"{cost.cpu_seconds:.1f}"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=Path, help="a folder of videos")
    parser.add_argument("--minutes", type=int, default=2)
    parser.add_argument("--model", default="cpd-start")
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
