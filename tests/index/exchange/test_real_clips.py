"""Real clips: shards that are merged, and a table that is imported, answer as one add does."""

from pathlib import Path

import pytest

from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.exchange.exporting import export_library
from index.exchange.importing import import_tables
from index.exchange.merging import merge_libraries
from index.exchange.plan import plan_shards, write_plan
from index.exchange.shards import ShardFiles
from index.library.add import add_videos
from index.library.library import Library
from tests.index.exchange.contents import contents
from tests.index.library.adding import make_color_library

ROOT = Path(__file__).resolve().parents[3]
CLIPS = sorted((ROOT.parent / "shared" / "data" / "ucf101").glob("**/*.avi"))[:5]

pytestmark = pytest.mark.skipif(len(CLIPS) < 5, reason="no real clips here")


def found(library: Library) -> list[tuple[Path, float, float]]:
    encoder = ColorEncoder()
    query_D = encoder.encode_text(["red"])[0]
    hits = library.search(query_D, fingerprint=encoder.fingerprint, limit=99, merge=False)
    return sorted((hit.path, hit.start_seconds, round(float(hit.score), 4)) for hit in hits)


def test_real_clips_by_shards_and_by_table_answer_as_one_add(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    encoder = ColorEncoder()
    write_plan(plan_shards(CLIPS, 2), tmp_path / "plan.json")
    with DecodePool(num_workers=1) as pool:
        with make_color_library(tmp_path / "twin") as twin:
            add_videos(CLIPS, twin, encoder, pool)
        for number in (1, 2):
            files = ShardFiles.parse(f"{number}/2", [], plan=tmp_path / "plan.json")
            with make_color_library(tmp_path / f"shard-{number}") as shard:
                report = add_videos(files.paths, shard, encoder, pool, only=files.selects)
            assert 0 < report.added < len(CLIPS)

    merge_libraries(tmp_path / "whole", [tmp_path / "shard-1", tmp_path / "shard-2"])
    with Library.open(tmp_path / "whole") as whole:
        export_library(whole, tmp_path / "table.parquet")
    import_tables([tmp_path / "table.parquet"], tmp_path / "copy")

    with (
        Library.open(tmp_path / "twin") as twin,
        Library.open(tmp_path / "whole") as whole,
        Library.open(tmp_path / "copy") as copy,
    ):
        assert contents(whole, with_ids=False) == contents(twin, with_ids=False)
        assert found(whole) == found(twin)
        assert contents(copy) == contents(whole)
        assert found(copy) == found(whole)
