"""Who waits for a training run sees how far it is; a log file is not flooded."""

import io

from rich.console import Console

from training.cli.progress import PLAIN_LINE_SECONDS, TrainProgress


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def line(step, **more):
    return {"step": step, "loss": 1.5, "clips_per_second": 8.2, "wait_share": 0.25, **more}


def test_a_log_gets_messages_at_once_and_a_line_now_and_then():
    stream, clock = io.StringIO(), Clock()

    with TrainProgress(Console(file=stream, force_terminal=False), clock=clock) as progress:
        progress.message("memory expected: [1 MiB]")
        progress.planned(9)
        progress.measured(line(3, recall_at_1=0.5))
        for step in (6, 9):
            clock.now += 20
            progress.measured(line(step))

    assert stream.getvalue().splitlines() == [
        "memory expected: [1 MiB]",
        "step 9/9, loss 1.500, R@1 0.500, 8 clips/s, waiting 25%",
    ]
    assert PLAIN_LINE_SECONDS == 30


def test_a_terminal_sees_how_far_it_is():
    stream = io.StringIO()

    with TrainProgress(Console(file=stream, force_terminal=True, width=200)) as progress:
        progress.planned(9)
        progress.measured(line(3))

    assert "step 3/9, loss 1.500, 8 clips/s, waiting 25%" in stream.getvalue()
