"""What a run tells while it goes on, to whoever listens."""

from collections.abc import Mapping
from typing import Any, Protocol


class RunListener(Protocol):
    """Told how a run goes on; never asked anything."""

    def message(self, text: str) -> None:
        """A sentence for a person: what is done, or a warning."""
        ...

    def planned(self, total_steps: int) -> None:
        """The steps begin, and the last one will have this number."""
        ...

    def measured(self, figures: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl, `step` and `loss` among its figures."""
        ...


class SilentListener:
    """Hears everything, says nothing."""

    def message(self, text: str) -> None:
        pass

    def planned(self, total_steps: int) -> None:
        pass

    def measured(self, figures: Mapping[str, Any]) -> None:
        pass
