"""Moments and texts in one ranking, by reciprocal ranks.

    value = (1 - w) / (K + place among the moments) + w / (K + place among the texts)

Places count from 1, and only the best of each side have one. A text with times belongs to the
moment that it touches, one without to the best moment of its video; where no moment of the ranking
is that, one is made for it.

Source: Cormack, Clarke and Buettcher 2009, reciprocal rank fusion; K = 60 is theirs.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from index.catalog.texts import FoundText
from index.search.arranging import Ranked, TextMatch
from index.search.walk import ScoredSegment

K = 60


MomentOf: TypeAlias = Callable[[FoundText], ScoredSegment]
"""The moment of a text that no other moment stands for."""


@dataclass(slots=True)
class _Entry:
    """What has a place on one side or on both."""

    moment: ScoredSegment | None
    """None until it is told: to make one for a text is most of the work."""
    value: float
    text: FoundText | None = None

    def told(self, moment_of: MomentOf) -> Ranked:
        if self.text is None:
            assert self.moment is not None
            return Ranked(moment=self.moment, value=self.value)
        match = TextMatch(kind=self.text.kind, score=self.text.score, snippet=self.text.snippet)
        moment = moment_of(self.text) if self.moment is None else self.moment
        return Ranked(moment=moment, value=self.value, text=match)


def fused(
    moments: Sequence[ScoredSegment],
    texts: Sequence[FoundText],
    *,
    text_weight: float,
    is_searched: Callable[[int], bool],
    moment_of: MomentOf,
) -> Iterator[Ranked]:
    """All of both, the highest value first; of equal ones that which stands higher as a moment.

    Args:
        moments: best first.
        texts: best first.
        is_searched: whether texts of the video of this number count.
        moment_of: asked for a text of a searched video, at the latest when it is told.
    """
    entries = [
        _Entry(moment, _share(1 - text_weight, place)) for place, moment in enumerate(moments, 1)
    ]
    by_video: dict[int, list[_Entry]] = {}
    for moment, entry in zip(moments, entries, strict=True):
        by_video.setdefault(moment.video_number, []).append(entry)
    num_texts_of = Counter(text.video_number for text in texts)
    place = 0
    for text in texts:
        of_video = by_video.setdefault(text.video_number, [])
        entry_of_it = next((entry for entry in of_video if _stands_for(entry.moment, text)), None)
        if entry_of_it is None:
            if not is_searched(text.video_number):
                continue
            # Where another text may belong to the same moment it has to be known now.
            is_alone = num_texts_of[text.video_number] == 1
            entry_of_it = _Entry(None if is_alone else moment_of(text), 0.0)
            of_video.append(entry_of_it)
            entries.append(entry_of_it)
        if entry_of_it.text is None:
            place += 1
            entry_of_it.text = text
            entry_of_it.value += _share(text_weight, place)
    for entry in sorted(entries, key=lambda entry: -entry.value):
        yield entry.told(moment_of)


def _share(weight: float, place: int) -> float:
    return weight / (K + place)


def share_time(moment: ScoredSegment, other: ScoredSegment) -> bool:
    """Whether two moments overlap or touch."""
    return (
        moment.video_number == other.video_number
        and moment.start_seconds <= other.stop_seconds
        and other.start_seconds <= moment.stop_seconds
    )


def _stands_for(moment: ScoredSegment | None, text: FoundText) -> bool:
    """Whether a text belongs to a moment of its video."""
    if moment is None:
        return False
    if text.start_seconds is None:
        return True
    stop_seconds = text.start_seconds if text.stop_seconds is None else text.stop_seconds
    return moment.start_seconds <= stop_seconds and text.start_seconds <= moment.stop_seconds
