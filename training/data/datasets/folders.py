"""Your own folders: names of folders are labels, texts beside media are captions.

train/running/a.mp4        split train, label running
running/b.mp4  b.txt       label running, captions the lines of b.txt
"""

from itertools import chain
from pathlib import Path

from cpd_model.errors import InputError
from training.data.datasets.listing import Listing, Row
from training.data.datasets.tree import Tree
from training.data.pair_folders import texts_below

_PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val",
          "validation": "val", "test": "test", "testing": "test"}  # fmt: skip


def list_folder(root: Path) -> Listing:
    """Every medium below a folder, with what its place and the texts beside it say.

    A first folder called train, val or test (or validation ...) is the split; the next one is the
    label. A folder of frames counts as one medium where a text of its name stands beside it.

    Raises:
        InputError: there is no folder or no medium in it, or a text cannot be read.
    """
    tree = Tree(root)
    captions = {found.path: found.captions for found in texts_below(tree.root)}
    framed = [path for path in captions if path.is_dir()]
    alone = (path for path in tree.media if not any(folder in path.parents for folder in framed))
    rows: list[Row] = []
    for path in sorted(set(chain(captions, alone))):
        name = path.relative_to(tree.root).as_posix()
        split, label = _place(name)
        rows += [
            Row(path=path, id=name, label=label, caption=caption, split=split)
            for caption in captions.get(path, ("",)) or ("",)
        ]
    if not rows:
        raise InputError(f"no video or picture below {root}; name the folder that holds them")
    return Listing(rows=rows)


def _place(name: str) -> tuple[str, str]:
    """Split and label of a medium by its path below the root."""
    *folders, _ = name.split("/")
    split = _PARTS.get(folders[0].lower(), "") if folders else ""
    if split:
        folders = folders[1:]
    return split, folders[0] if folders else ""
