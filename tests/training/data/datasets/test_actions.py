"""UCF101, HMDB51 and Kinetics: labels, official splits, and what comes from one recording."""

from tests.training.data.datasets.trees import HMDB51, KINETICS, UCF101, make_tree, rows_of
from training.data.datasets.actions import list_hmdb51, list_kinetics, list_ucf101
from training.data.datasets.listing import write_manifest
from training.data.manifest import read_manifest
from training.data.pairs import read_pairs


def test_ucf101_has_its_official_splits_and_groups(tmp_path):
    listing = list_ucf101(make_tree(tmp_path, UCF101))

    assert rows_of(listing, "id", "label", "split", "splits", "group") == [
        ("Archery/v_Archery_g01_c01", "Archery", "test", ("test", "train", ""), "Archery/g01"),
        ("Archery/v_Archery_g08_c02", "Archery", "train", ("train", "test", ""), "Archery/g08"),
        ("YoYo/v_YoYo_g25_c03", "YoYo", "train", ("train", "", ""), "YoYo/g25"),
    ]
    assert listing.missing == ["YoYo/v_YoYo_g24_c01.avi"]
    assert listing.counts() == {"test": 1, "train": 2}


def test_evaluation_reads_the_splits_as_they_were_meant(tmp_path):
    write_manifest(list_ucf101(make_tree(tmp_path / "data", UCF101)), tmp_path / "ucf101.csv")

    rows = read_manifest(tmp_path / "ucf101.csv")

    assert [row.parts for row in rows] == [
        ("test", "train", ""),
        ("train", "test", ""),
        ("train", "", ""),
    ]
    assert [row.group for row in rows] == ["Archery/g01", "Archery/g08", "YoYo/g25"]
    assert rows[0].path == tmp_path / "data" / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi"
    trained = read_pairs(tmp_path / "ucf101.csv", split="train", caption_from="label")
    assert [pair.captions for pair in trained] == [("archery",), ("yo yo",)]


def test_ucf101_numbers_its_groups_anew_in_each_class(tmp_path):
    videos = {f"UCF-101/{name}/v_{name}_g08_c01.avi": "" for name in ("BabyCrawling", "Punch")}
    taught = "".join(f"{name}/v_{name}_g08_c01.avi 1\n" for name in ("BabyCrawling", "Punch"))
    lists = {"classInd.txt": "1 BabyCrawling\n2 Punch\n", "trainlist01.txt": taught}

    baby, punch = list_ucf101(make_tree(tmp_path, {**videos, **lists})).rows

    assert baby.group != punch.group


def test_hmdb51_reads_0_1_2_and_tells_files_of_one_name_apart(tmp_path):
    listing = list_hmdb51(make_tree(tmp_path, HMDB51))

    assert rows_of(listing, "label", "splits") == [
        ("brush_hair", ("train", "", "")),
        ("brush_hair", ("test", "train", "")),
        ("clap", ("train", "", "test")),
    ]
    assert [row.path.parent.name for row in listing.rows] == ["brush_hair", "brush_hair", "clap"]
    assert len({row.id for row in listing.rows}) == 3
    assert listing.missing == ["brush_hair/gone.avi"]


def test_kinetics_lists_what_is_left_of_it(tmp_path):
    listing = list_kinetics(make_tree(tmp_path, KINETICS))

    assert sorted(rows_of(listing, "id", "label", "split", "group")) == [
        ("-flat_id_00_000010_000020", "yoga", "val", "-flat_id_00"),
        ("0347ZoDXyP0_000095_000105", "abseiling", "train", "0347ZoDXyP0"),
    ]
    assert listing.missing == ["gone_id_000_000001_000011"]
