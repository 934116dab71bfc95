"""Evaluations of a few videos, with a cache beside their list."""

from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.zero_shot import evaluate_zero_shot


def retrieval(manifest, encoder, decoder):
    return evaluate_retrieval(
        manifest, encoder, cache_root=manifest.parent / "cache", embed_files=decoder
    )


def zero_shot(manifest, classes, encoder, decoder):
    return evaluate_zero_shot(
        manifest, classes, encoder, cache_root=manifest.parent / "cache", embed_files=decoder
    )
