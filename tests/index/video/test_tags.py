"""What a container says of its video, as FFmpeg reads it back and as cameras write it."""

from pathlib import Path

import av
import pytest

from index.decoding.worker import hash_and_probe
from index.documents import Document
from index.video.file import container_document
from index.video.tags import document_of_tags, point_of
from tests.index.videos import Recipe, grey_frames, write_video

APPLE = {
    "creation_time": "2024-05-01T10:00:00.000000Z",
    "com.apple.quicktime.creationdate": "2024-05-01T12:00:00+0200",
    "com.apple.quicktime.location.ISO6709": "+48.8577+002.2950+035.000/",
    "com.apple.quicktime.make": "Apple",
}
EIFFEL: Document = {"lat": 48.8577, "lon": 2.295, "altitude": 35.0}


@pytest.mark.parametrize(
    ("tags", "document"),
    [
        ({}, {}),
        ({"title": " Holiday \n"}, {"title": "Holiday"}),
        ({"TITLE": "Loud"}, {"title": "Loud"}),
        ({"title": ""}, {}),
        ({"creation_time": "2024-05-01T10:00:00.000000Z"}, {"date": "2024-05-01T10:00:00.000000Z"}),
        ({"creation_time": "1904-01-01T00:00:00.000000Z"}, {}),
        ({"creation_time": "1970-01-01T00:00:00.000000Z"}, {}),
        ({"date": "soon", "DATE_RECORDED": "2024"}, {"date": "2024"}),
        ({"location-eng": "Paris"}, {"place": "Paris"}),
        (
            {"location": "-33.8568+151.2153/"},
            {"gps": {"lat": -33.8568, "lon": 151.2153}, "place": "-33.8568, 151.2153"},
        ),
        (
            APPLE,
            {"date": "2024-05-01T12:00:00+0200", "gps": EIFFEL, "place": "48.8577, 2.295"},
        ),
        (
            APPLE | {"com.apple.quicktime.location.name": "Eiffel Tower"},
            {"date": "2024-05-01T12:00:00+0200", "gps": EIFFEL, "place": "Eiffel Tower"},
        ),
        ({"title": "x" * 5000}, {"title": "x" * 1000}),
    ],
)
def test_tags_become_a_document(tags: dict[str, str], document: Document) -> None:
    assert document_of_tags(tags) == document


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("+48.8577+002.2950+035.000/", EIFFEL),
        ("+4851.462+00217.700/", {"lat": 48.8577, "lon": 2.295}),
        ("-485127.72-0021742.0/", {"lat": -48.8577, "lon": -2.295}),
        ("+48+002/", {"lat": 48.0, "lon": 2.0}),
        ("+48.8577+002.2950+035.000CRSWGS_84/", EIFFEL),
        ("+91+002/", None),
        ("+48+181/", None),
        ("+485+002/", None),
        ("48.8 2.3", None),
        ("", None),
    ],
)
def test_points_of_the_earth(text: str, point: Document | None) -> None:
    assert point_of(text) == point


@pytest.mark.parametrize("name", ["tagged.mp4", "tagged.mkv", "tagged.mov"])
def test_what_was_written_into_a_file_is_read(tmp_path: Path, name: str) -> None:
    video = write_video(tmp_path / "plain.mkv", grey_frames(5))
    tagged = tmp_path / name
    with av.open(str(video)) as source, av.open(str(tagged), "w") as output:
        output.metadata.update(
            {
                "title": "Am Strand",
                "creation_time": "2024-05-01T10:00:00.000000Z",
                "location": "+48.8577+002.2950/",
            }
        )
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for frame in source.decode(video=0):
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))

    document = container_document(tagged)

    assert document["title"] == "Am Strand"
    assert document["date"] == "2024-05-01T10:00:00.000000Z"
    assert document["gps"] == {"lat": 48.8577, "lon": 2.295}
    assert hash_and_probe(tagged, gap_seconds=4).document == document


def test_a_title_that_is_no_utf8_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    path = write_video(tmp_path / "t.mkv", grey_frames(3), Recipe(title="caf_ au lait"))
    path.write_bytes(path.read_bytes().replace(b"caf_", b"caf\xe9"))

    assert container_document(path) == {"title": "caf\ufffd au lait"}


def test_real_clips_tell_their_date(shared_data: Path) -> None:
    document = container_document(shared_data / "fight_surv/fight/fi037.mp4")

    assert document == {"date": "2019-03-12T15:20:18.000000Z"}
