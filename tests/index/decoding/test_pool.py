"""Real child processes and tasks that misbehave in them: only the task's own file suffers."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from multiprocessing import spawn
from pathlib import Path
from types import FrameType

import numpy as np
import psutil
import pytest
from pebble import ProcessPool

from cpd_model.encoder import ClipSpec
from index.decoding.pool import DecodePool
from index.errors import (
    NotAVideoError,
    VideoCrashError,
    VideoError,
    VideoMemoryError,
    VideoTimeoutError,
)
from index.video.file import probe, read_frames, read_jpeg
from tests.index import hostile

SPEC = ClipSpec(num_frames=4, frame_size=16, resize="crop", short_side=16)
FILE = Path("some.mp4")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    """Two workers with little memory."""
    with DecodePool(num_workers=2, memory_bytes=256 << 20) as pool:
        yield pool


def _wait_for_end(process_id: int) -> bool:
    """Whether a process ends soon; its exit status is left to its parent."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_ctrl_c_cannot_land_in_the_middle_of_starting_workers(grey_video: Path) -> None:
    """It raises in the main thread alone; pebble, half started, waits for ever when stopped."""
    starts: list[threading.Thread] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is ProcessPool._start_pool.__code__:
            starts.append(threading.current_thread())

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        with DecodePool(num_workers=1) as pool:
            pool.hash_and_probe(grey_video, gap_seconds=4.0).result()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)

    assert len(starts) == 1
    assert starts[0] is not threading.main_thread()


def test_the_program_that_starts_workers_keeps_its_name_meanwhile() -> None:
    """Any thread of it may ask for `__main__.__file__`, as warnings and other pools do."""
    main = sys.modules["__main__"]
    names = {name: getattr(main, name, None) for name in ("__file__", "__spec__")}
    seen: list[dict[str, object]] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is spawn.get_command_line.__code__:
            seen.append({name: getattr(main, name, None) for name in names})

    threading.setprofile(look)
    try:
        with DecodePool(num_workers=1) as pool:
            pool.submit(hostile.answer, FILE, 1).result(timeout=20)
    finally:
        threading.setprofile(None)

    assert seen == [names]


def test_results_are_those_of_the_plain_functions(pool: DecodePool, grey_video: Path) -> None:
    frames = pool.read_frames(grey_video, [0.5, 0.1], SPEC)
    hashed = pool.hash_and_probe(grey_video, gap_seconds=4.0)
    jpeg = pool.read_jpeg(grey_video, 0.5, max_side=32)
    preview = pool.read_preview(grey_video, 0.0, 1.0)

    assert np.array_equal(frames.result(), read_frames(grey_video, [0.5, 0.1], SPEC))
    assert hashed.result().facts == pool.probe(grey_video).result() == probe(grey_video)
    assert jpeg.result() == read_jpeg(grey_video, 0.5, max_side=32)
    assert preview.result()[4:8] == b"ftyp"


def test_the_hash_is_sha256_of_the_content(pool: DecodePool, grey_video: Path) -> None:
    content_hash = pool.hash_and_probe(grey_video, gap_seconds=4.0).result().content_hash

    assert content_hash == hashlib.sha256(grey_video.read_bytes()).hexdigest()


def test_large_results_arrive_whole_and_leave_nothing_behind(
    grey_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests run pools beside this one
    spec = ClipSpec(num_frames=4, frame_size=256, resize="squash", short_side=256)
    times = np.linspace(0, 2, 30).tolist()

    with DecodePool(num_workers=1) as pool:
        frames = pool.read_frames(grey_video, times, spec).result()
        folders = list(tmp_path.glob("cpd-frames-*"))
        left = [file for folder in folders for file in folder.iterdir()]

    assert frames.nbytes > 5 << 20
    assert np.array_equal(frames, read_frames(grey_video, times, spec))
    assert len(folders) == 1
    assert left == []
    assert not any(folder.exists() for folder in folders)


def test_errors_cross_whole(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "words.mp4"
    path.write_text("no video")

    error = pool.probe(path).exception()

    assert isinstance(error, NotAVideoError)
    assert error.path == path


def test_a_foreign_error_becomes_a_video_error(pool: DecodePool) -> None:
    error = pool.submit(hostile.fail_strangely, FILE).exception()

    assert isinstance(error, VideoError)
    assert "StrangeError: out of tune" in str(error)


def test_a_task_that_hangs_is_killed_and_the_others_go_on() -> None:
    with DecodePool(num_workers=2, timeout_seconds=1) as pool:
        stuck = pool.submit(hostile.hang, FILE)
        others = [pool.submit(hostile.answer, FILE, number) for number in range(6)]

        assert [future.result(timeout=20) for future in others] == list(range(6))
        with pytest.raises(
            VideoTimeoutError, match=r"some\.mp4: its decoder did not finish in 1 s"
        ):
            stuck.result(timeout=20)
        assert pool.submit(hostile.answer, FILE, 7).result(timeout=20) == 7


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_takes_only_its_task_with_it(pool: DecodePool, number: int) -> None:
    doomed = pool.submit(hostile.die, FILE, number)
    others = [pool.submit(hostile.answer, FILE, number) for number in range(6)]

    assert [future.result(timeout=20) for future in others] == list(range(6))
    with pytest.raises(VideoCrashError, match=signal.Signals(number).name):
        doomed.result(timeout=20)


def test_a_worker_that_leaves_fails_its_task(pool: DecodePool) -> None:
    error = pool.submit(hostile.leave, FILE, 3).exception(timeout=20)

    assert isinstance(error, VideoCrashError)
    assert "exit status 3" in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_DATA")
def test_a_task_that_wants_all_memory_gets_an_error(pool: DecodePool) -> None:
    error = pool.submit(hostile.devour, FILE).exception(timeout=20)

    assert isinstance(error, VideoMemoryError)
    assert pool.submit(hostile.answer, FILE, 1).result(timeout=20) == 1


def test_an_idle_worker_that_is_killed_is_replaced(grey_video: Path) -> None:
    with DecodePool(num_workers=1) as pool:
        worker = pool.submit(hostile.process_id, FILE).result(timeout=20)
        os.kill(worker, signal.SIGKILL)
        assert _wait_for_end(worker)

        facts = pool.probe(grey_video).result(timeout=20)

    assert facts == probe(grey_video)


def test_workers_are_replaced_after_so_many_tasks() -> None:
    with DecodePool(num_workers=1, tasks_per_worker=2) as pool:
        workers = [pool.submit(hostile.process_id, FILE).result(timeout=20) for _ in range(4)]

    assert len(set(workers)) == 2


def test_workers_import_no_torch_and_no_index_of_vectors(pool: DecodePool) -> None:
    modules = set(pool.submit(hostile.loaded_modules, FILE).result(timeout=20))

    assert {"av", "numpy", "PIL"} <= modules
    assert not modules & {"torch", "transformers", "faiss", "sqlalchemy", "typer", "pytest"}


def test_a_cancelled_task_stops_and_the_pool_goes_on(pool: DecodePool) -> None:
    stuck = pool.submit(hostile.hang, FILE)
    time.sleep(0.2)

    assert stuck.cancel()
    assert pool.submit(hostile.answer, FILE, 1).result(timeout=20) == 1


def test_leaving_the_pool_settles_every_future_and_ends_every_worker() -> None:
    with DecodePool(num_workers=1) as pool:
        worker = pool.submit(hostile.process_id, FILE).result(timeout=20)
        futures = [pool.submit(hostile.hang, FILE) for _ in range(3)]

    _, unsettled = wait(futures, timeout=5)
    assert not unsettled
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()
    assert _wait_for_end(worker)


def test_a_closed_pool_refuses_work(grey_video: Path) -> None:
    pool = DecodePool(num_workers=1)
    pool.close()

    with pytest.raises(RuntimeError, match="closed"):
        pool.probe(grey_video)


@pytest.mark.parametrize("value", [0, -1])
def test_a_pool_needs_workers_time_and_tasks(value: int) -> None:
    with pytest.raises(ValueError, match="num_workers"):
        DecodePool(num_workers=value)
    with pytest.raises(ValueError, match="timeout_seconds"):
        DecodePool(timeout_seconds=value)
    with pytest.raises(ValueError, match="tasks_per_worker"):
        DecodePool(tasks_per_worker=value)


# No `if __name__ == "__main__"` on purpose: workers must not run the program of their parent again.
PROGRAM = """
import sys
from pathlib import Path
from index.decoding.pool import DecodePool
from tests.index import hostile
print("once", flush=True)
pool = DecodePool(num_workers=1)
pool.submit(hostile.say_who_and_hang, Path("x.mp4"), Path(sys.argv[1])).exception()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent_even_when_they_hang(tmp_path: Path, number: int) -> None:
    program, told = tmp_path / "program.py", tmp_path / "worker"
    program.write_text(PROGRAM)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, str(program), str(told)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        deadline = time.monotonic() + 30
        while not told.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        worker = int(told.read_text())

        parent.send_signal(number)
        output, _ = parent.communicate(timeout=20)

    assert output == b"once\n"
    assert _wait_for_end(worker)
    assert list(tmp_path.glob("cpd-frames-*")) == []
