"""Data sets that lack a file, their media, or the shape that was expected: one sentence each."""

import pytest

from cpd_model.errors import InputError
from tests.training.data.datasets.trees import LISTS, TREES, make_tree
from training.data.datasets.folders import list_folder


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path, name):
    with pytest.raises(InputError, match=r"^no .* below .*; get .* https://") as caught:
        LISTS[name](make_tree(tmp_path, {"readme": ""}))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LISTS)
def test_annotations_without_their_media_are_one_sentence(tmp_path, name):
    texts = {name: text for name, text in TREES[name].items() if text}

    with pytest.raises(InputError, match=r"^none of the \d media .*, such as .*; get "):
        LISTS[name](make_tree(tmp_path, texts))


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("ucf101", {"ucfTrainTestlist/classInd.txt": "1 Archery\n"}, "class YoYo of .* is not in"),
        ("hmdb51", {"splits/clap_test_split1.txt": "c_1.avi 7\n"}, "expected a name and 0, 1 or 2"),
        (
            "kinetics",
            {"kinetics_train.csv": "youtube_id,time_start,time_end\nx,a,b\n"},
            "are no numbers",
        ),
        ("msrvtt", {"test_videodatainfo.json": '{"videos": []}'}, "MSR-VTT's annotations look"),
        ("msrvtt", {"test_videodatainfo.json": "{"}, "no JSON"),
        ("msvd", {"youtube_mapping.txt": "x_1_2 vid1971\n"}, "vid1 to vid1970"),
        ("coco", {"annotations/captions_val2017.json": '{"images": [1]}'}, "COCO's captions look"),
    ],
)
def test_annotations_of_another_shape_are_one_sentence(tmp_path, name, wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        LISTS[name](make_tree(tmp_path, {**TREES[name], **wrong}))


def test_an_empty_or_absent_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no video or picture below"):
        list_folder(tmp_path)
    with pytest.raises(InputError, match=r"no folder .*none; name the folder"):
        list_folder(tmp_path / "none")
