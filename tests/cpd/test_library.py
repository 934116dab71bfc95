"""`cpd.open` as a person uses it: no encoder, no `[0]`, no Path, no luck with models."""

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import cpd
from cpd_model.testing import ColorEncoder, tiny_bundle
from index.library.library import Library as CatalogLibrary
from tests.index.colored_videos import Scene, write_video
from tests.index.libraries import make_library

ENCODER = ColorEncoder()
OTHER = ColorEncoder(name="other colour")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder with two videos, which is the working folder too."""
    home = tmp_path_factory.mktemp("home")
    (home / "Videos").mkdir()
    write_video(home / "Videos" / "blue.mp4", Scene("blue", 3))
    write_video(home / "Videos" / "red.mp4", Scene("black", 4), Scene("red", 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.chdir(home)
        yield home


@pytest.fixture(scope="module")
def made(home: Path) -> cpd.AddReport:
    """What adding the videos to `~/library` said."""
    with cpd.open("~/library", model=ENCODER) as library:
        return library.add("~/Videos", num_workers=1)


@pytest.fixture
def library(made: cpd.AddReport) -> Iterator[cpd.Library]:
    """The library of the two videos."""
    with cpd.open("~/library", model=ENCODER) as library:
        yield library


def test_the_first_add_makes_the_library(made: cpd.AddReport, home: Path) -> None:
    assert (made.added, made.failed) == (2, 0)
    assert (home / "library").is_dir()


def test_a_text_finds_its_moment(library: cpd.Library) -> None:
    hits = library.search("all is red", limit=1)

    assert [Path(hit.path).name for hit in hits] == ["red.mp4"]
    assert hits[0].start_seconds >= 2
    assert hits[0].score > 0.9


def test_a_vector_finds_the_same_as_its_text(library: cpd.Library) -> None:
    vector_D = library.encoder.encode_text(["red"])[0]

    found = library.search(vector_D, fingerprint=library.encoder.fingerprint)

    assert found == library.search("red")


def test_a_vector_of_another_model_is_refused(library: cpd.Library) -> None:
    """It has the right length, and would find plausible nonsense."""
    vector_D = OTHER.encode_text(["red"])[0]

    with pytest.raises(cpd.IndexMismatchError, match="was built by color"):
        library.search(vector_D, fingerprint=OTHER.fingerprint)


def test_len_and_iteration_tell_its_videos(library: cpd.Library) -> None:
    assert len(library) == 2
    assert [Path(video.path).name for video in library] == ["blue.mp4", "red.mp4"]


def test_a_video_that_is_removed_meanwhile_hides_no_other(tmp_path: Path) -> None:
    """More videos than are read at once: the second page began one too late."""
    make_library(tmp_path / "many", num_videos=502, num_segments=1).close()
    with cpd.open(tmp_path / "many") as library, CatalogLibrary.open(tmp_path / "many") as other:
        videos = iter(library)
        first = next(videos)
        with other.writer() as writer:
            writer.remove_video(first.video_id)

        assert 1 + sum(1 for _ in videos) == 502


def test_its_repr_tells_what_it_holds(library: cpd.Library) -> None:
    assert "library': 2 videos, 4 segments, 0.0 h, model color)" in repr(library)


def test_what_is_added_is_found_by_the_same_library(home: Path) -> None:
    with cpd.open("~/growing", model=ENCODER) as library:
        library.add("~/Videos/blue.mp4", num_workers=1)
        before = len(library), library.search("red", limit=1)[0].score
        library.add([home / "Videos" / "red.mp4"], num_workers=1)
        after = len(library), library.search("red", limit=1)[0].score

    assert before[0] == 1
    assert after[0] == 2
    assert before[1] < 0.9 < after[1]


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        ({"window_seconds": 8}, r"a window of 4 s, not 8 s: leave window out"),
        ({"hop_seconds": 1}, r"a hop of 2 s, not 1 s: leave hop out"),
    ],
)
def test_other_windows_than_the_library_has_are_refused(
    made: cpd.AddReport, slip: dict[str, float], said: str
) -> None:
    with (
        cpd.open("~/library", model=ENCODER, **slip) as library,
        pytest.raises(cpd.IndexMismatchError, match=said),
    ):
        library.add("~/Videos")


@pytest.mark.parametrize("slip", [{"window_seconds": -1}, {"hop_seconds": 5}], ids=str)
def test_windows_that_cannot_be_are_named_without_an_option(
    tmp_path: Path, home: Path, slip: dict[str, float]
) -> None:
    """`--hop` is not what a program wrote."""
    library = cpd.open(tmp_path / "new", model=ENCODER, **slip)

    with pytest.raises(cpd.InputError, match=r"^the (window|hop) must be"):
        library.add("~/Videos")


class TestWhereThereIsNoLibrary:
    @pytest.mark.parametrize(
        "ask",
        [lambda a: a.search("a dog"), len, list, lambda a: a.encoder, lambda a: a.status()],
        ids=["search", "len", "iteration", "encoder", "status"],
    )
    def test_a_question_says_what_to_do(
        self, tmp_path: Path, ask: Callable[[cpd.Library], object]
    ) -> None:
        with (
            cpd.open(tmp_path / "typo") as library,
            pytest.raises(cpd.LibraryNotFoundError, match=r"no library in .*typo: add\(PATHS\)"),
        ):
            ask(library)

        assert not (tmp_path / "typo").exists()

    def test_its_repr_says_so(self, tmp_path: Path) -> None:
        assert "nothing yet" in repr(cpd.open(tmp_path / "new"))

    def test_a_path_that_is_not_there_makes_none(self, tmp_path: Path) -> None:
        """And does not load a model first."""
        library = cpd.open(tmp_path / "new", model="no/such-model")

        with pytest.raises(cpd.InputError, match="no such file"):
            library.add(tmp_path / "Vidoes")

        assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def bundle(home: Path) -> Path:
    """The folder `~/mine` of a tiny model."""
    return tiny_bundle(home / "mine")


class TestModels:
    def test_a_library_brings_its_own_model_from_any_folder(
        self, bundle: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Even where it was made with a model whose folder was written relatively."""
        loaded = cpd.load_encoder("mine", device="cpu")
        for model in (Path("mine"), "~/mine", loaded):
            with cpd.open("of-mine", model=model, device="cpu") as library:
                library.add("~/Videos/blue.mp4", num_workers=1)
        monkeypatch.chdir(tmp_path)

        with cpd.open("~/of-mine", device="cpu") as library:
            assert len(library.search("blue")) == 1
            assert library.encoder.fingerprint == loaded.fingerprint

    def test_an_encoder_of_another_model_is_refused_at_once(self, made: cpd.AddReport) -> None:
        with pytest.raises(cpd.IndexMismatchError, match="not by other colour"):
            cpd.open("~/library", model=OTHER)

    def test_the_name_of_another_model_is_refused_when_it_is_needed(
        self, made: cpd.AddReport, bundle: Path
    ) -> None:
        with cpd.open("~/library", model=bundle, device="cpu") as library:
            assert len(library) == 2
            with pytest.raises(cpd.IndexMismatchError, match="was built by color"):
                library.search("red")
            with pytest.raises(cpd.IndexMismatchError, match="was built by color"):
                library.add("~/Videos")


class TestLabelling:
    def test_a_stored_video_is_labelled_as_its_file_is(self, library: cpd.Library) -> None:
        """From its vectors, which are kept in half precision."""
        video = next(iter(library))

        stored = library.label(video, ["red", "blue"])
        read = library.label("~/Videos/blue.mp4", iter(["red", "blue"]))

        assert stored.labels[0].label == read.labels[0].label == "blue"
        probabilities = [[score.probability for score in one.labels] for one in (stored, read)]
        np.testing.assert_allclose(*probabilities, atol=0.01)
        assert len(stored.segments) == len(read.segments) == video.num_segments

    def test_one_text_is_not_taken_for_its_letters(self, library: cpd.Library) -> None:
        with pytest.raises(TypeError, match=r"such as \['swimming'\]"):
            library.label("~/Videos/blue.mp4", "swimming")

    def test_a_file_that_is_not_there_is_named(self, library: cpd.Library) -> None:
        with pytest.raises(cpd.InputError, match=r"no such video file.*gone\.mp4"):
            library.label("~/gone.mp4", ["red", "blue"])


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda a: a.search(np.zeros(4, dtype=np.float32)), "fingerprint=encoder.fingerprint"),
        (lambda a: a.search({"red"}), "a list of texts or a NumPy vector, got set"),
        (lambda a: a.search("red", fingerprint="c0"), "leave fingerprint out"),
        (lambda a: a.search("red", limit="3"), "limit is a whole number, got str"),
        (lambda a: a.label(3, ["red", "blue"]), "video is a path, a str or a Path, got int"),
        (lambda a: a.label("a.mp4", ["red", 3]), "labels is a list of texts, got int"),
        (lambda a: a.label("a.mp4", None), "labels is a list of texts, got NoneType"),
        (lambda a: a.add(None), "paths is a path or a list of paths, got NoneType"),
        (lambda a: a.add([3]), "each of paths is a path, a str or a Path, got int"),
        (lambda a: cpd.open(None), "folder is a path, a str or a Path, got NoneType"),
        (lambda a: cpd.open("x", model=3), "model is a name, a folder or"),
        (lambda a: a.add(b"Videos"), "each of paths is a path, a str or a Path, got bytes"),
        (lambda a: a.search(np.ones(4, complex), fingerprint="c0"), "real numbers, got complex128"),
        (lambda a: a.search(np.ones(4), fingerprint=3), "a fingerprint is a text, got int"),
        (lambda a: copy.copy(a), "not copied or sent to another process"),
        (lambda a: pickle.dumps(a), "library'"),
    ],
)
def test_what_is_of_the_wrong_kind_is_one_sentence(
    library: cpd.Library, slip: Callable[[cpd.Library], object], said: str
) -> None:
    with pytest.raises(TypeError) as failed:
        slip(library)

    assert said in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda a: a.add(""), "each of paths is an empty path"),
        (lambda a: a.add(["Videos", ""]), "each of paths is an empty path"),
        (lambda a: a.add("Vid\0eos"), "null character"),
        (lambda a: a.add("~nobody-of-that-name/x"), "no such file or folder"),
        (lambda a: cpd.open(""), "folder is an empty path"),
        (lambda a: cpd.open("Videos/red.mp4"), "red.mp4 is a file: a library is a folder"),
        (lambda a: a.search("red \udcff"), "the query holds bytes that are no UTF-8"),
        (lambda a: a.label("~/Videos/red.mp4", ["red", "\udcff"]), "a label holds bytes"),
        (lambda a: a.label("~/Videos/red.mp4", ["red", " Red "]), "at least two different ones"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    library: cpd.Library, slip: Callable[[cpd.Library], object], said: str
) -> None:
    with pytest.raises(cpd.InputError) as failed:
        slip(library)

    assert said in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1


def test_a_library_that_is_not_made_yet_is_true_all_the_same(tmp_path: Path) -> None:
    assert cpd.open(tmp_path / "new", model=ENCODER)


def test_an_empty_query_is_refused(library: cpd.Library) -> None:
    with pytest.raises(cpd.InputError, match="the query is empty"):
        library.search("  ")


def test_a_closed_library_says_so(made: cpd.AddReport) -> None:
    library = cpd.open("~/library", model=ENCODER)
    library.close()
    library.close()

    assert "closed" in repr(library)
    with pytest.raises(ValueError, match="was closed: open it again"):
        library.search("red")
