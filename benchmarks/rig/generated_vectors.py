"""Vectors with the statistics of real windows and captions, as many as are wanted, by seed.

    window   unit(cone + meaning)           meaning = topic + video + drift, in a basis whose
    query    unit(mean + meaning + wording) variances fall as the spectrum of real windows does

Topics are drawn by a power law (Zipf), so that clusters have very different sizes. The windows of a
video share its meaning and drift from one to the next (AR(1)), so that neighbours are nearly equal.
Queries are off the distribution of windows: their mean lies elsewhere, and most of a query is
wording that no window has, with a spectrum that falls more slowly.

Held against `cpd-base`: 649 windows of 248 real clips, and captions of 1,500 photographs that
those clips do not show; 660 windows of 220 generated videos and 1,500 generated queries:

                                                       real               generated
    mean cosine of windows of two videos               .13                .14
    ... of neighbouring windows                        .97                .97
    nearest window of another video, p10 p50 p90       .47  .77  .97      .54  .65  .82
    participation ratio of the windows' covariance     14 (one a video: 20)  19
    ... of the queries'                                53                 57
    mean cosine of two queries                         .01                .02
    ... of a query and a window                        .01 +- .14         .02 +- .15
    best window of a query, p10 p50 p90                .31  .40  .52      .33  .41  .51
    tenth best                                         .21  .30  .40      .27  .33  .42
    queries' variance in the windows' 20 first axes    .38                .46

Two thirds of the real clips are of a few action classes, cut from the same recordings, which is why
more of them have a near twin. Captions that were written for the clips score higher (.41 .51 .63).

Axes: S segments of one video, T topics, L latent dimensions, D dimensions, Q queries.
"""

import numpy as np

from cpd_model.encoder import Vectors

EMBED_DIM = 384
WINDOWS_A_VIDEO = 50

_NUM_TOPICS = 4096
_NUM_LATENT = 192
"""Real windows have 99.9 % of their variance in so many directions."""
_TOPIC, _VIDEO, _DRIFT = 0.6, 0.25, 0.15
"""Shares of the variance of a window's meaning."""
_STAYING = 0.8
"""Of the drift from one window to the next."""
_CONE = 0.35
"""Length of the windows' mean."""
_QUERY_CONE, _QUERY_GAP = 0.05, 0.1
"""Lengths of the queries' mean along that of the windows and across it."""
_QUERY_MEANING = 0.5
"""Length of what a query shares with windows; the rest is wording."""


class VectorSpace:
    """A space that videos and queries are drawn from; the same seed gives the same vectors."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        rng = np.random.default_rng([seed, 0])
        axes_DD = np.linalg.qr(rng.standard_normal((EMBED_DIM, EMBED_DIM)))[0].astype(np.float32)
        self._cone_D, self._gap_D = axes_DD[0], axes_DD[1]
        self._axes_LD = axes_DD[2 : 2 + _NUM_LATENT]
        rank_L = np.arange(1, _NUM_LATENT + 1)
        self._meaning_L = _unit(np.sqrt(np.exp(-rank_L / 45) / (rank_L + 1.5)))
        self._wording_L = _unit(np.sqrt(np.exp(-rank_L / 38)))
        self._topics_TL = rng.standard_normal((_NUM_TOPICS, _NUM_LATENT), dtype=np.float32)
        self._reach_T = np.cumsum(1 / np.arange(1, _NUM_TOPICS + 1))
        self._drift_SS = _autoregression(WINDOWS_A_VIDEO, _STAYING)

    def video(self, number: int) -> Vectors:
        """Unit vectors (WINDOWS_A_VIDEO, D) of one video, in the order of time."""
        rng = np.random.default_rng([self._seed, 1, number])
        subject_L = self._subject(rng)
        noise_SL = rng.standard_normal((WINDOWS_A_VIDEO, _NUM_LATENT), dtype=np.float32)
        latent_SL = subject_L + _DRIFT**0.5 * (self._drift_SS @ noise_SL)
        meaning_SD = (self._meaning_L * latent_SL) @ self._axes_LD
        return _unit(_CONE * self._cone_D + (1 - _CONE**2) ** 0.5 * meaning_SD)

    def queries(self, num_queries: int, *, seed: int = 0) -> Vectors:
        """Unit vectors (num_queries, D) of texts, each about something that videos are about."""
        rng = np.random.default_rng([self._seed, 2, seed])
        subjects_QL = np.stack([self._subject(rng) for _ in range(num_queries)])
        wording_QL = rng.standard_normal(subjects_QL.shape, dtype=np.float32)
        mixed_QL = _QUERY_MEANING * self._meaning_L * subjects_QL
        mixed_QL += (1 - _QUERY_MEANING**2) ** 0.5 * self._wording_L * wording_QL
        mean_D = _QUERY_CONE * self._cone_D + _QUERY_GAP * self._gap_D
        return _unit(mean_D + mixed_QL @ self._axes_LD)

    def _subject(self, rng: np.random.Generator) -> Vectors:
        """What a video or a query is about (L,): a topic, and its own way of it."""
        topic = int(np.searchsorted(self._reach_T, rng.random() * self._reach_T[-1]))
        own_L = rng.standard_normal(_NUM_LATENT, dtype=np.float32)
        subject_L: Vectors = _TOPIC**0.5 * self._topics_TL[topic] + _VIDEO**0.5 * own_L
        return subject_L


def _autoregression(length: int, staying: float) -> Vectors:
    """What makes a drift of unit variance (S, S) of independent steps."""
    lag_SS = np.subtract.outer(np.arange(length), np.arange(length))
    drift_SS = np.where(lag_SS >= 0, staying ** np.maximum(lag_SS, 0), 0)
    drift_SS[:, 1:] *= (1 - staying**2) ** 0.5
    return drift_SS.astype(np.float32)


def _unit(rows_KD: Vectors) -> Vectors:
    unit_KD: Vectors = rows_KD / np.linalg.norm(rows_KD, axis=-1, keepdims=True)
    return unit_KD.astype(np.float32)
