"""Cutting into tasks loses nothing, and segments are pooled as soon as they can be."""

import random

import numpy as np
import pytest

from cpd_model.encoder import Vectors
from index.ingest.sampling import plan_sampling
from index.ingest.tasks import FeaturePooler, clip_tasks, frame_tasks

PLAN = plan_sampling(60.0, window_seconds=4.0, hop_seconds=2.0, num_frames=4)


@pytest.mark.parametrize("max_frames", [1, 7, 59, 1000])
def test_frame_tasks_hold_each_frame_once(max_frames: int) -> None:
    tasks = frame_tasks(PLAN, max_frames=max_frames, max_seconds=1e9)

    np.testing.assert_array_equal(np.concatenate([t.times_N for t in tasks]), PLAN.times_N)
    assert max(len(task.times_N) for task in tasks) <= max_frames
    assert [task.number for task in tasks] == list(range(len(tasks)))


def test_tasks_are_cut_by_time_as_well() -> None:
    tasks = frame_tasks(PLAN, max_frames=1000, max_seconds=10.0)

    assert len(tasks) == 6
    assert max(task.times_N[-1] - task.times_N[0] for task in tasks) <= 10.0


@pytest.mark.parametrize("max_frames", [1, 4, 9, 1000])
def test_clip_tasks_hold_each_segment_once_and_whole(max_frames: int) -> None:
    tasks = clip_tasks(PLAN, max_frames=max_frames, max_seconds=1e9)

    times = [task.times_N[task.clip_index_ST] for task in tasks]
    np.testing.assert_array_equal(np.concatenate(times), PLAN.times_N[PLAN.frame_index_ST])
    assert max(len(task.times_N) for task in tasks) <= max(max_frames, 4)


@pytest.mark.parametrize("max_frames", [1, 3, 10, 59])
@pytest.mark.parametrize("seed", range(3))
def test_segments_are_pooled_once_whatever_the_order(max_frames: int, seed: int) -> None:
    tasks = frame_tasks(PLAN, max_frames=max_frames, max_seconds=1e9)
    pooler = FeaturePooler(PLAN, tasks, lambda features_BTF: features_BTF.mean(axis=1))
    pooled = np.full((len(PLAN.segments), 1), np.nan, dtype=np.float32)
    order = list(tasks)
    random.Random(seed).shuffle(order)

    for task in order:
        features_NF = task.times_N[:, None].astype(np.float32)
        segments, vectors_SD = pooler.take(task.number, features_NF)
        if len(segments):
            assert np.isnan(pooled[segments]).all()
            pooled[segments] = vectors_SD

    expected = PLAN.times_N[PLAN.frame_index_ST].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)
    assert pooler.num_kept == 0


def test_features_are_let_go_in_a_long_video() -> None:
    plan = plan_sampling(3600.0, window_seconds=4.0, hop_seconds=2.0, num_frames=4)
    tasks = frame_tasks(plan, max_frames=50, max_seconds=1e9)
    pooler = FeaturePooler(plan, tasks, lambda features_BTF: features_BTF.mean(axis=1))
    kept = []

    for task in tasks:
        features_NF: Vectors = np.zeros((len(task.times_N), 3), dtype=np.float32)
        pooler.take(task.number, features_NF)
        kept.append(pooler.num_kept)

    assert len(tasks) > 50
    assert max(kept) == 1
