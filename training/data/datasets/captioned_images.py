"""Data sets of photographs with sentences: Flickr8k and COCO. A photograph is a one-frame video.

Flickr8k.token.txt                          1000268201_693b08cb0e.jpg#0<tab>A child in ...
captions.txt                                image,caption
Flickr_8k.trainImages.txt                   1000268201_693b08cb0e.jpg
Flicker8k_Dataset/1000268201_693b08cb0e.jpg

annotations/captions_train2017.json         {"images": [{"id": 1, "file_name": "1.jpg"}],
                                             "annotations": [{"image_id": 1, "caption": ...}]}
train2017/000000000001.jpg
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cpd_model.errors import InputError
from training.data.datasets.listing import Listing, Row, require_found
from training.data.datasets.tree import Tree, read_lines
from training.data.tables import read_json

FLICKR8K_FROM = (
    "get Flickr8k_Dataset.zip and Flickr8k_text.zip from "
    "https://github.com/jbrownlee/Datasets/releases/tag/Flickr8k"
)
COCO_FROM = (
    "get annotations_trainval2017.zip, train2017.zip and val2017.zip from "
    "https://cocodataset.org/#download"
)

_FLICKR8K_PARTS = {"train": "train", "dev": "val", "test": "test"}


def list_flickr8k(root: Path) -> Listing:
    """Flickr8k with its five sentences a photograph; its dev part is called `val`.

    Without the lists of parts, such as Flickr_8k.trainImages.txt, no row has a split.

    Raises:
        InputError: the sentences are missing, or none of their photographs is there.
    """
    tree = Tree(root)
    table = tree.require("Flickr8k.token.txt", "captions.txt", where_from=FLICKR8K_FROM)
    said = _token_lines(table) if table.name == "Flickr8k.token.txt" else _caption_lines(table)
    parts: dict[str, str] = {}
    for name, part in _FLICKR8K_PARTS.items():
        names = tree.find(f"Flickr_8k.{name}Images.txt")
        parts |= dict.fromkeys(read_lines(names) if names else [], part)
    rows, missing = _rows(tree, ((image, caption, parts.get(image, "")) for image, caption in said))
    require_found("Flickr8k", rows, missing, FLICKR8K_FROM)
    return Listing(rows=rows, missing=missing)


def list_coco(root: Path) -> Listing:
    """COCO captions of every year that is there, 2014 or 2017, train and val.

    Raises:
        InputError: annotations are missing or wrong, or none of their photographs is there.
    """
    tree = Tree(root)
    tables = tree.matching("captions_*.json")
    if not tables:
        raise InputError(f"no captions_train2017.json or the like below {root}; {COCO_FROM}")
    rows: list[Row] = []
    missing: list[str] = []
    for table in tables:
        found, lost = _rows(tree, _coco_lines(table))
        rows += found
        missing += lost
    require_found("COCO", rows, missing, COCO_FROM)
    return Listing(rows=rows, missing=missing)


def _rows(tree: Tree, said: Iterable[tuple[str, str, str]]) -> tuple[list[Row], list[str]]:
    """Rows of name, caption and split, and the names of photographs that are not there."""
    rows = []
    missing: dict[str, None] = {}
    for name, caption, split in said:
        path = tree.medium(name)
        if path is None:
            missing[name] = None
        elif caption:
            rows.append(Row(path=path, id=path.stem, caption=caption, split=split))
    return rows, list(missing)


def _token_lines(path: Path) -> Iterator[tuple[str, str]]:
    for line in read_lines(path):
        key, _, caption = line.partition("\t")
        yield key.partition("#")[0], " ".join(caption.split())


def _caption_lines(path: Path) -> Iterator[tuple[str, str]]:
    # A caption with commas is not always quoted.
    for cells in list(csv.reader(read_lines(path)))[1:]:
        yield cells[0], " ".join(",".join(cells[1:]).split())


def _coco_lines(table: Path) -> Iterator[tuple[str, str, str]]:
    name = table.stem.removeprefix("captions_")  # train2017
    split = re.sub("[0-9]+$", "", name)
    content = read_json(table)
    try:
        images = {image["id"]: image["file_name"] for image in content["images"]}
        for each in content["annotations"]:
            yield f"{name}/{images[each['image_id']]}", " ".join(each["caption"].split()), split
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{table.name} is not what COCO's captions look like: expected images with id and "
            f"file_name, annotations with image_id and caption ({error!r})"
        ) from error
