"""Three losses of paired embeddings, in log space: NCE, in-batch softmax, pairwise sigmoid.

All see cosines s in [-1, 1] of unit vectors and ask which text belongs to which video. InfoNCE is
the exact softmax over the G texts of the batch. NCE reaches for the softmax over all N texts by
telling the right one from K drawn ones, one yes or no each, and needs the softmax's constant Z.
The sigmoid loss asks the same yes or no about the batch alone, and learns a bias in place of Z.

They compute in float32 whatever autocast says, and in float64 where they are given float64.

Axes: B pairs of this process, G pairs of all processes, K negatives, D dimensions.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from training.method.gathering import gather_with_gradient, process_index


def nce_loss(
    positive_B: Tensor,
    negatives_BK: Tensor,
    *,
    temperature: float,
    num_items: int,
    log_partition: Tensor,
) -> Tensor:
    """Binary "data or noise?" loss of one direction, with uniform noise over N items.

    With p(i|v) = exp(s_i / t) / Z and noise 1 / N, K noise samples for each sample of data, the
    posterior of "data" is p / (p + K / N), and the loss of a pair

        -log [p+ / (p+ + K/N)]  -  sum over negatives of  log [(K/N) / (p- + K/N)]

    With log odds h = s / t - log Z - log(K / N) it is softplus(-h+) + sum softplus(h-): nothing
    overflows, and no epsilon is needed. As K grows its gradient becomes that of the softmax over
    all N items. A model that equals the noise has the loss log(1 + K) + K log(1 + 1/K).

    Args:
        positive_B: cosine of each query with its own item.
        negatives_BK: cosines with the drawn items.
        temperature: t > 0; 0.07 in the authors' code.
        num_items: N.
        log_partition: 0-d, log Z.

    Returns:
        0-d, mean over the B pairs.

    Source: arXiv 2001.05691 (CPD), by loss/NCECriterion.py of its authors; with Z and a bank as
    in Wu et al. 2018 (arXiv 1805.01978); the estimator is of Gutmann and Hyvarinen 2010.
    """
    with _no_autocast(positive_B):
        log_noise = math.log(negatives_BK.shape[1] / num_items)

        def log_odds(similarity: Tensor) -> Tensor:
            return _full(similarity) / temperature - _full(log_partition) - log_noise

        loss_B = F.softplus(-log_odds(positive_B))
        return (loss_B + F.softplus(log_odds(negatives_BK)).sum(dim=1)).mean()


def info_nce_loss(video_BD: Tensor, text_BD: Tensor, *, temperature: float) -> Tensor:
    """Softmax over the texts of the batch for each video, and over its videos for each text.

        1/2 mean_i [ -log exp(s_ii / t) / sum_j exp(s_ij / t)
                     -log exp(s_ii / t) / sum_j exp(s_ji / t) ]

    NCE's question with the batch in place of the bank: what is compared is always up to date and
    has a gradient, but there are only G of it. At equal cosines the loss is log G. The rows must
    be different pairs: a second caption of a video would count as a wrong one.

    Args:
        video_BD, text_BD: unit vectors; equal B in all processes, whose rows are gathered.

    Returns:
        0-d, mean over this process's pairs; gradients averaged over processes are those of one
        process with all pairs.

    Source: van den Oord et al. 2018 (arXiv 1807.03748); both directions as in CLIP (arXiv
    2103.00020).
    """
    with _no_autocast(video_BD):
        video_BD, text_BD = _full(video_BD), _full(text_BD)
        targets_B = _own_columns(video_BD)
        directions = [
            F.cross_entropy(own_BD @ gather_with_gradient(other_BD).T / temperature, targets_B)
            for own_BD, other_BD in ((video_BD, text_BD), (text_BD, video_BD))
        ]
        return (directions[0] + directions[1]) / 2


def sigmoid_loss(video_BD: Tensor, text_BD: Tensor, *, scale: Tensor, bias: Tensor) -> Tensor:
    """For each video and each text of the batch, on its own: do they belong together?

        mean_i sum_j softplus(-z_ij (a s_ij + b)),    z_ij = 1 where i = j, else -1

    NCE with the batch as its noise: b learns what -log Z - log(K / N) is there. Every cosine
    counts once, so that the two directions are the same sum. The best constant answer, 1 / G,
    has the loss log G + (G - 1) log(G / (G - 1)). Rows must be different pairs.

    Args:
        video_BD, text_BD: unit vectors; equal B in all processes, whose texts are gathered.
        scale: 0-d, a > 0, one over a temperature.
        bias: 0-d, b.

    Returns:
        0-d, mean over this process's videos of the sum over all texts.

    Source: Zhai et al. 2023 (SigLIP, arXiv 2303.15343), algorithm 1.
    """
    with _no_autocast(video_BD):
        video_BD, text_BD = _full(video_BD), _full(text_BD)
        logits_BG = video_BD @ gather_with_gradient(text_BD).T * scale + bias
        signs_BG = torch.full_like(logits_BG, -1.0)
        signs_BG.scatter_(1, _own_columns(video_BD).unsqueeze(1), 1.0)
        return F.softplus(-signs_BG * logits_BG).sum(dim=1).mean()


def _own_columns(rows_BD: Tensor) -> Tensor:
    """Where this process's rows stand among the gathered ones."""
    start = process_index()[0] * len(rows_BD)
    return torch.arange(start, start + len(rows_BD), device=rows_BD.device)


def _no_autocast(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)


def _full(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
