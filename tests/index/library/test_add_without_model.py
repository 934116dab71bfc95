"""What needs no model does not load one: an add that finds nothing new is quick."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpd_model.encoder import Encoder
from cpd_model.testing import ColorEncoder, tiny_bundle
from index.decoding.pool import DecodePool
from index.errors import IndexMismatchError
from index.library.add import add_videos
from index.library.add_report import AddReport
from index.library.library import Library
from index.library.opening import open_for_adding
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import (
    DURATIONS,
    ENCODER,
    add,
    counts,
    ids,
    make_color_library,
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny")


def add_loading(library: Library, folder: Path, load: Callable[[], Encoder]) -> AddReport:
    with FakeDecoder(DURATIONS) as decoder:
        return add_videos([folder], library, load, decoder)


def never() -> Encoder:
    raise AssertionError("the model was loaded")


def never_by_name(model: str | None, device: str) -> Encoder:
    raise AssertionError(f"the model {model} was loaded on {device}")


def test_an_add_that_finds_nothing_new_loads_no_model(library: Library, folder: Path) -> None:
    add(library, folder)

    assert counts(add_loading(library, folder, never)) == (0, 0, 3, 0, 1)


def test_moved_copied_and_touched_files_need_no_model(library: Library, folder: Path) -> None:
    add(library, folder)
    before = ids(library)
    (folder / "a.mp4").rename(folder / "moved.mp4")
    shutil.copy(folder / "b.mp4", folder / "copy.mp4")
    os.utime(folder / "c.mp4", (1, 1))

    report = add_loading(library, folder, never)

    assert counts(report) == (1, 1, 2, 0, 1)
    assert ids(library)["moved.mp4"] == before["a.mp4"]


def test_a_new_file_loads_the_model_once(library: Library, folder: Path) -> None:
    loaded: list[Encoder] = []

    def load() -> Encoder:
        loaded.append(ENCODER)
        return ENCODER

    report = add_loading(library, folder, load)

    assert counts(report) == (3, 0, 0, 0, 1)
    assert len(loaded) == 1


def test_a_model_that_turns_out_another_writes_nothing(library: Library, folder: Path) -> None:
    with pytest.raises(IndexMismatchError):
        add_loading(library, folder, lambda: ColorEncoder(name="other"))

    assert library.status().videos == 0


class TestOpening:
    def test_a_library_is_opened_without_its_model(self, tmp_path: Path, library: Library) -> None:
        opened, _ = open_for_adding(library.folder, load=never_by_name)
        opened.close()

    def test_the_model_is_loaded_once_and_must_be_the_librarys(self, library: Library) -> None:
        other = ColorEncoder(name="other")
        opened, load = open_for_adding(library.folder, load=lambda model, device: ENCODER)
        refused, load_other = open_for_adding(library.folder, load=lambda model, device: other)

        with opened, refused:
            assert load() is load()
            with pytest.raises(IndexMismatchError, match="not by other"):
                load_other()

    def test_another_bundle_is_refused_by_what_it_records_of_itself(
        self, library: Library, bundle: Path
    ) -> None:
        with pytest.raises(IndexMismatchError, match=f"not by {bundle}"):
            open_for_adding(library.folder, model=str(bundle), load=never_by_name)

    def test_the_same_bundle_is_accepted_by_what_it_records(
        self, tmp_path: Path, bundle: Path
    ) -> None:
        open_for_adding(tmp_path / "new", model=str(bundle), device="cpu").library.close()
        copy = shutil.copytree(bundle, tmp_path / "copy")

        for folder in (bundle, copy):
            opened, _ = open_for_adding(tmp_path / "new", model=str(folder), load=never_by_name)
            opened.close()

    def test_a_model_that_records_nothing_is_loaded_to_see(self, library: Library) -> None:
        other = ColorEncoder(name="other")
        with pytest.raises(IndexMismatchError, match="not by other"):
            open_for_adding(library.folder, model="other", load=lambda model, device: other)


ADD = """
import sys
from cpd.__main__ import main
sys.argv = ["cpd", "index", "add", *sys.argv[1:]]
try:
    main()
finally:
    print(sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_command_imports_no_torch_where_nothing_is_new(
    tmp_path: Path, bundle: Path, grey_video: Path
) -> None:
    opened, load = open_for_adding(tmp_path / "library", model=str(bundle), device="cpu")
    with opened, DecodePool(num_workers=1) as pool:
        add_videos([grey_video], opened, load, pool)

    ended = subprocess.run(
        [sys.executable, "-c", ADD, str(grey_video), "--library", str(tmp_path / "library")],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert "1 unchanged" in ended.stdout
    imported = ended.stdout.splitlines()[-1]
    assert "'sqlalchemy'" in imported
    assert "'torch'" not in imported
    assert "'transformers'" not in imported
