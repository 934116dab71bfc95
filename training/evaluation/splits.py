"""Which videos teach a classifier and which test it, by the official splits of a manifest."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cpd_model.errors import InputError
from training.data.copies import copies_named, shared_videos
from training.data.manifest import read_manifest, videos_of
from training.data.pair import ManifestRow
from training.evaluation.classes import Classes, read_classes
from training.evaluation.pool import labelled_rows, one_label_each

_MOST_NAMED = 5


class SplitVideo(NamedTuple):
    """A video of a split and its class."""

    path: Path
    label: int
    """Position in the list of classes."""

    group: str
    """Videos of one group come from one recording; empty where the manifest has none."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One official split of a labelled manifest."""

    number: int
    class_names: list[str]
    """Those that occur in it, sorted."""

    train: list[SplitVideo]
    test: list[SplitVideo]
    rows: list[ManifestRow]
    """Of both parts, in the order of the manifest."""

    warnings: list[str]
    """What makes its figures less than they seem, one sentence each."""

    def learned(self, readable: Collection[Path]) -> list[SplitVideo]:
        """The train videos that could be read.

        Raises:
            InputError: they are of fewer than two classes.
        """
        videos = [video for video in self.train if video.path in readable]
        if len({video.label for video in videos}) < 2:
            raise InputError(
                f"only {len(videos)} of {len(self.train)} train videos of split {self.number} "
                "could be read, of fewer than two classes: a classifier has nothing to tell apart"
            )
        return videos


def read_split(manifest: Path, *, number: int, classes: Classes | None = None) -> Split:
    """The train and test videos of split `number`, counted from 1, of a manifest.

    Rows without a label, or whose part is another word (`val`, say), are left out.

    Args:
        classes: a file or list of classes; videos of others are left out. None: every label is a
            class.

    Raises:
        InputError: the manifest or the class list cannot be used, the manifest has no such split,
            one of its parts is empty, it teaches fewer than two classes, or a video stands in both
            parts or under two labels.
    """
    rows = [row for row in read_manifest(manifest) if row.label]
    if any(row.members for row in rows):
        raise InputError(
            f"{manifest.name} names videos inside archives, which a classifier does not learn "
            "from; unpack them and name a list or their folder"
        )
    if not rows:
        raise InputError(f"no row of {manifest.name} has a label; a classifier learns labels")
    if classes is not None:
        rows = labelled_rows(rows, read_classes(classes), manifest=manifest)
    part_of = _parts(rows, number, manifest)
    rows = [row for row in rows if row.path in part_of]
    label_of = one_label_each(rows, manifest)
    names = sorted(set(label_of.values()))
    group_of = {row.path: row.group for row in rows}
    parts = {
        part: [
            SplitVideo(path, names.index(label), group_of[path])
            for path, label in label_of.items()
            if part_of[path] == part
        ]
        for part in ("train", "test")
    }
    _check_parts(parts, f"split {number} of {manifest.name}", number=number, names=names)
    return Split(
        number=number,
        class_names=names,
        train=parts["train"],
        test=parts["test"],
        rows=rows,
        warnings=[
            *_copies(rows, part_of, number),
            *_warnings(parts["train"], parts["test"], names),
        ],
    )


def _check_parts(
    parts: dict[str, list[SplitVideo]], split: str, *, number: int, names: Sequence[str]
) -> None:
    for part, videos in parts.items():
        if not videos:
            raise InputError(
                f"{split} has no {part} video; mark some rows as {part} "
                f"in a column split{number} (or split), or choose another split"
            )
    learned = {video.label for video in parts["train"]}
    if len(learned) < 2:
        raise InputError(
            f"the train part of {split} has one class alone, "
            f"{names[min(learned)]}; a classifier needs two or more"
        )


def hold_back(videos: Sequence[SplitVideo], *, share: float = 0.25, seed: int = 0) -> list[int]:
    """Positions of videos to choose a setting by: whole groups, about this share of each class.

    A class gives groups, in an order that the seed decides, while they fit into its share; its
    smallest one where none fits; never the last video of any class. A video without a group is one
    of its own. Empty where no group can be spared.
    """
    classes = np.array([video.label for video in videos])
    sizes_C = np.bincount(classes)
    held: list[int] = []

    def can_be_spared(members: list[int]) -> bool:
        left_C = sizes_C - np.bincount(classes[held + members], minlength=len(sizes_C))
        return bool((left_C[classes[members]] > 0).all())

    groups = _groups_of(videos, seed)
    for label in np.argsort(sizes_C, kind="stable"):  # rare ones first: they have the least choice
        wanted = max(1, round(share * sizes_C[label]))
        own = [members for members in groups if label in classes[members]]
        for members in own:
            fits = np.count_nonzero(classes[held + members] == label) <= wanted
            if fits and members[0] not in held and can_be_spared(members):
                held += members
        if label not in classes[held]:
            own.sort(key=lambda members: np.count_nonzero(classes[members] == label))
            held += next((members for members in own if can_be_spared(members)), [])
    return sorted(held)


def _groups_of(videos: Sequence[SplitVideo], seed: int) -> list[list[int]]:
    """The positions of each group's videos, groups in an order that the seed decides."""
    groups: dict[str | int, list[int]] = {}
    for position, video in enumerate(videos):
        groups.setdefault(video.group or position, []).append(position)
    names = sorted(groups, key=str)
    return [groups[names[place]] for place in np.random.default_rng(seed).permutation(len(names))]


def _parts(rows: list[ManifestRow], number: int, manifest: Path) -> dict[Path, str]:
    num_splits = max((len(row.parts) for row in rows), default=0)
    if not 1 <= number <= num_splits:
        there = f"it has splits 1 to {num_splits}" if num_splits else "it has none"
        raise InputError(
            f"{manifest.name} has no split {number} ({there}); "
            "expected columns split1, split2, ... or split, which say train or test"
        )
    part_of: dict[Path, str] = {}
    for row in rows:
        part = row.parts[number - 1] if number <= len(row.parts) else ""
        if part in ("train", "test") and part_of.setdefault(row.path, part) != part:
            raise InputError(
                f"{manifest.name} has {row.written_path} in both train and test of split {number}; "
                "a video must be in one of the two"
            )
    return part_of


def _copies(rows: list[ManifestRow], part_of: dict[Path, str], number: int) -> list[str]:
    train, test = (
        list(videos_of(row for row in rows if part_of[row.path] == part).values())
        for part in ("train", "test")
    )
    shared = shared_videos(train, test, one_list=False)
    if not shared:
        return []
    return [
        f"{len(shared)} of {len(test)} test videos of split {number} are trained on under another "
        f"name ({copies_named(shared)}), so the figures look too good; take them out of one part"
    ]


def _warnings(train: list[SplitVideo], test: list[SplitVideo], names: list[str]) -> list[str]:
    warnings = []
    taught = {(video.group, video.label) for video in train}
    shared = sorted({video.group for video in train} & {video.group for video in test} - {""})
    if shared:
        torn = any((video.group, video.label) in taught for video in test if video.group)
        warnings.append(
            f"{_count(len(shared), 'group')} in both train and test ({_listed(shared)}): test "
            "videos out of a recording that was trained on make the figures look too good"
            + ("" if torn else "; if each class numbers its groups anew, write CLASS/GROUP instead")
        )
    learned = {video.label for video in train}
    unknown = sorted({names[video.label] for video in test if video.label not in learned})
    if unknown:
        warnings.append(
            f"{_count(len(unknown), 'class')} of the test part without a train video "
            f"({_listed(unknown)}): their test videos are misses"
        )
    return warnings


def _count(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
