"""What a step has to tell, and the sums of what steps told since the last line of metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """What a step has to tell."""

    step: int
    """Steps that are done, this one included."""

    loss: float
    """Mean over all processes."""

    gradient_norm: float
    """Before it was clipped."""

    learning_rate: float
    num_pairs: int
    """Of all processes together."""

    wait_seconds: float
    """Of `seconds`, those in which the step waited for its batch."""

    seconds: float


@dataclass(slots=True)
class Window:
    """Sums over the steps since the last line of metrics."""

    num_steps: int = 0
    num_pairs: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    wait_seconds: float = 0.0

    def add(self, report: StepReport) -> None:
        self.num_steps += 1
        self.num_pairs += report.num_pairs
        self.loss += report.loss
        self.seconds += report.seconds
        self.wait_seconds += report.wait_seconds

    @property
    def wait_share(self) -> float:
        """Of the time, in [0, 1]."""
        return self.wait_seconds / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, float]:
        """Means of the window."""
        return {
            "loss": self.loss / self.num_steps,
            "clips_per_second": self.num_pairs / self.seconds if self.seconds else 0.0,
            "wait_share": self.wait_share,
        }
