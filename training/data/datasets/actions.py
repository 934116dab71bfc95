"""Data sets of labelled actions: UCF101, HMDB51, Kinetics.

UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi
ucfTrainTestlist/classInd.txt               1 ApplyEyeMakeup
ucfTrainTestlist/trainlist01.txt            ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
ucfTrainTestlist/testlist01.txt             ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi

brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi
testTrainMulti_7030_splits/brush_hair_test_split1.txt        April_09_..._0.avi 1

kinetics_train.csv                          label,youtube_id,time_start,time_end,split
train/abseiling/0347ZoDXyP0_000095_000105.mp4
"""

import re
from collections.abc import Iterable
from pathlib import Path

from cpd_model.errors import InputError
from training.data.datasets.listing import Listing, Row, require_found
from training.data.datasets.tree import Tree, read_annotations, read_lines

UCF101_FROM = (
    "get UCF101.rar and UCF101TrainTestSplits-RecognitionTask.zip from "
    "https://www.crcv.ucf.edu/data/UCF101.php"
)
HMDB51_FROM = (
    "get hmdb51_org.rar and test_train_splits.rar from "
    "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database"
)
KINETICS_FROM = (
    "get the annotations and the videos by https://github.com/cvdfoundation/kinetics-dataset"
)

NUM_SPLITS = 3
"""Official splits of UCF101 and of HMDB51."""

_HMDB51_PARTS = {"0": "", "1": "train", "2": "test"}
_GROUP = re.compile(r"_(g\d+)_c\d+$")


def list_ucf101(root: Path) -> Listing:
    """UCF101 with its official splits 1 to 3, as far as their lists are there.

    Labels are class names as in classInd.txt; groups are the clips of one scene, such as
    Archery/g01.

    Raises:
        InputError: a list is missing or none of its videos is there.
    """
    tree = Tree(root)
    classes = tree.require("classInd.txt", where_from=UCF101_FROM)
    labels = {line.split()[-1] for line in read_lines(classes)}
    tree.require("trainlist01.txt", where_from=UCF101_FROM)
    parts: dict[str, list[str]] = {}
    for number in range(NUM_SPLITS):
        for part in ("train", "test"):
            found = tree.find(f"{part}list{number + 1:02d}.txt")
            for line in read_lines(found) if found else []:
                name = line.split()[0]
                parts.setdefault(name, [""] * NUM_SPLITS)[number] = part
    rows, missing = [], []
    for name, splits in sorted(parts.items()):
        label, _, file_name = name.partition("/")
        if label not in labels:
            raise InputError(f"the class {label} of {name} is not in {classes.name}")
        path = tree.medium(name)
        if path is None:
            missing.append(name)
            continue
        # groups are numbered anew in each class: g08 of another class is another recording
        scene = _GROUP.search(Path(file_name).stem)
        rows.append(_action(path, label, splits, group=f"{label}/{scene[1]}" if scene else ""))
    require_found("UCF101", rows, missing, UCF101_FROM)
    return Listing(rows=rows, missing=missing)


def list_hmdb51(root: Path) -> Listing:
    """HMDB51 with its official splits 1 to 3; a video that a split does not use has no part there.

    Raises:
        InputError: the split files are missing or wrong, or none of their videos is there.
    """
    tree = Tree(root)
    parts: dict[tuple[str, str], list[str]] = {}
    for number in range(NUM_SPLITS):
        suffix = f"_test_split{number + 1}.txt"
        for file in tree.matching(f"*{suffix}"):
            label = file.name.removesuffix(suffix)
            for line in read_lines(file):
                name, _, code = line.rpartition(" ")
                if code not in _HMDB51_PARTS:
                    raise InputError(f"{file.name}: expected a name and 0, 1 or 2, got {line!r}")
                splits = parts.setdefault((label, name.strip()), [""] * NUM_SPLITS)
                splits[number] = _HMDB51_PARTS[code]
    if not parts:
        raise InputError(f"no file like brush_hair_test_split1.txt below {root}; {HMDB51_FROM}")
    rows, missing = [], []
    for (label, name), splits in sorted(parts.items()):
        path = tree.medium(f"{label}/{name}")
        if path is None:
            missing.append(f"{label}/{name}")
        else:
            rows.append(_action(path, label, splits))
    require_found("HMDB51", rows, missing, HMDB51_FROM)
    return Listing(rows=rows, missing=missing)


def list_kinetics(root: Path) -> Listing:
    """Kinetics-400, 600 or 700, as much of it as is there: videos go from the web all the time.

    Clips are called ID_START_END by seconds with six digits, or by the YouTube id alone; they lie
    in folders of classes or not. `validate` is called `val`; a test list has no labels.

    Raises:
        InputError: no annotations, or none of their videos is there.
    """
    tree = Tree(root)
    tables = [path for path in tree.matching("*.csv") if _is_kinetics(path)]
    if not tables:
        raise InputError(
            f"no CSV with the columns label, youtube_id, time_start, time_end below {root}; "
            f"{KINETICS_FROM}"
        )
    rows: dict[Path, Row] = {}
    missing = []
    for table in tables:
        for record in read_annotations(table, "youtube_id", "time_start", "time_end"):
            name = _clip_name(record, table)
            path = tree.medium(name) or tree.medium(record["youtube_id"])
            if path is None:
                missing.append(name)
                continue
            split = record.get("split", "") or _split_of_name(table.stem)
            rows[path] = Row(
                path=path,
                id=name,
                label=record.get("label", ""),
                split="val" if split.startswith("val") else split,
                group=record["youtube_id"],
            )
    found = list(rows.values())
    missing = list(dict.fromkeys(missing))
    require_found("Kinetics", found, missing, KINETICS_FROM)
    return Listing(rows=found, missing=missing)


def _action(path: Path, label: str, splits: Iterable[str], *, group: str = "") -> Row:
    splits = tuple(splits)
    return Row(
        path=path,
        id=f"{label}/{path.stem}",
        label=label,
        split=splits[0],
        splits=splits,
        group=group,
    )


def _is_kinetics(path: Path) -> bool:
    try:
        read_annotations(path, "youtube_id", "time_start", "time_end")
    except InputError:
        return False
    return True


def _clip_name(record: dict[str, str], table: Path) -> str:
    try:
        start, end = (int(float(record[name])) for name in ("time_start", "time_end"))
    except ValueError:
        raise InputError(
            f"{table.name}: the times of {record['youtube_id']} are no numbers"
        ) from None
    return f"{record['youtube_id']}_{start:06d}_{end:06d}"


def _split_of_name(stem: str) -> str:
    return next((part for part in ("train", "val", "test") if part in stem.lower()), "")
