"""A library for FiftyOne: a folder of the type FiftyOneTemporalDetectionDataset.

    data.json       {video_id: path of the video}
    labels.json     {"classes": null, "labels": {video_id: [{"label": "segment",
                     "timestamps": [start, stop], "attributes": {...}}, ...]}}

    import fiftyone as fo
    fo.Dataset.from_dir(FOLDER, dataset_type=fo.types.FiftyOneTemporalDetectionDataset,
                        data_path="data.json")

FiftyOne turns seconds into frames by itself, and opens the videos for that. `attributes` hold the
segment's id and its embedding.

Source: https://github.com/voxel51/fiftyone, FiftyOneTemporalDetectionDatasetImporter and
FiftyOneTemporalDetectionSampleParser; docs.voxel51.com, "Loading Datasets From Disk".
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from index.catalog.records import LibrarySettings
from index.catalog.whole_videos import SegmentVectors, WholeVideos, meaning_of
from index.exchange.parquet_table import readable, segment_uuid


def write_fiftyone(whole: WholeVideos, settings: LibrarySettings, to: Path) -> None:
    """Write videos and their segments as temporal detections, one video after the other.

    Raises:
        OSError: a file cannot be written.
    """
    to.mkdir()
    with (to / "data.json").open("w") as data, (to / "labels.json").open("w") as labels:
        data.write("{")
        labels.write('{"classes": null, "labels": {')
        comma = ""
        for video in whole.videos:
            vectors = video.vectors[meaning_of(settings)]
            detections = list(_detections(video.video_id, vectors))
            data.write(f'{comma}\n"{video.video_id}": {json.dumps(readable(video.file.path))}')
            labels.write(f'{comma}\n"{video.video_id}": {json.dumps(detections)}')
            comma = ","
        data.write("\n}\n")
        labels.write("\n}}\n")


def _detections(video_id: str, vectors: SegmentVectors) -> Iterator[dict[str, Any]]:
    times = zip(vectors.starts_S.tolist(), vectors.stops_S.tolist(), strict=True)
    for i, (start, stop) in enumerate(times):
        yield {
            "label": "segment",
            "timestamps": [start, stop],
            "attributes": {
                "segment": segment_uuid(video_id, start, stop),
                "embedding": vectors.vectors_SD[i].tolist(),
            },
        }
