"""Moments and texts in one ranking, by reciprocal ranks.

    value = (1 - w) / (K + place among the moments) + w / (K + place among the texts)

Places count from 1, and only the best of each side have one. A text with times belongs to the
moment that it touches, one without to the best moment of its video; where no moment of the ranking
is that, one is made for it.

Source: Cormack, Clarke and Buettcher 2009, reciprocal rank fusion; K = 60 is theirs.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from index.catalog.texts import FoundText
from index.search.arranging import Ranked, TextMatch
from index.search.walk import ScoredSegment

K = 60


MomentOf: TypeAlias = Callable[[FoundText], ScoredSegment | None]
"""The moment of a text that no other moment stands for; None where its video is not searched."""


def fused(
    moments: Sequence[ScoredSegment],
    texts: Sequence[FoundText],
    *,
    text_weight: float,
    moment_of: MomentOf,
) -> list[Ranked]:
    """All of both, the highest value first; of equal ones that which stands higher as a moment.

    Args:
        moments: best first.
        texts: best first.
    """
    every = list(moments)
    place_of_moment = {id(moment): place for place, moment in enumerate(moments, 1)}
    place_of_text: dict[int, int] = {}
    match_of: dict[int, TextMatch] = {}
    for text in texts:
        moment = next((each for each in every if _stands_for(each, text)), None)
        if moment is None:
            moment = moment_of(text)
            if moment is None:
                continue
            every.append(moment)
        if id(moment) not in match_of:
            match_of[id(moment)] = TextMatch(kind=text.kind, score=text.score, snippet=text.snippet)
            place_of_text[id(moment)] = len(match_of)

    def value(moment: ScoredSegment) -> float:
        from_moments = _share(1 - text_weight, place_of_moment.get(id(moment)))
        return from_moments + _share(text_weight, place_of_text.get(id(moment)))

    hits = [Ranked(moment=m, value=value(m), text=match_of.get(id(m))) for m in every]
    return sorted(hits, key=lambda hit: -hit.value)


def _share(weight: float, place: int | None) -> float:
    return 0.0 if place is None else weight / (K + place)


def share_time(moment: ScoredSegment, other: ScoredSegment) -> bool:
    """Whether two moments overlap or touch."""
    return (
        moment.video_number == other.video_number
        and moment.start_seconds <= other.stop_seconds
        and other.start_seconds <= moment.stop_seconds
    )


def _stands_for(moment: ScoredSegment, text: FoundText) -> bool:
    if moment.video_number != text.video_number:
        return False
    if text.start_seconds is None:
        return True
    stop_seconds = text.start_seconds if text.stop_seconds is None else text.stop_seconds
    return moment.start_seconds <= stop_seconds and text.start_seconds <= moment.stop_seconds
