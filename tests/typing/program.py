"""A program of somebody who uses every public name of cpd. It is type-checked, not run."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import cpd


class Listener:
    """Prints how a training goes on."""

    def message(self, text: str) -> None:
        print(text)

    def planned(self, total_steps: int) -> None:
        print(total_steps)

    def measured(self, figures: Mapping[str, object]) -> None:
        print(figures["loss"])


class AddListener:
    """Prints how an add goes on."""

    def found_files(self, count: int) -> None:
        print(count)

    def file_ended(self, how: str) -> None:
        print(how)

    def segments_embedded(self, count: int) -> None:
        print(count)


def search(folder: str | Path) -> cpd.Hits:
    with cpd.open(folder, device="cpu") as library:
        assert_type(library, cpd.Library)
        report = library.add("~/Videos")
        assert_type(report, cpd.AddReport)
        missed: list[cpd.AddFailure] = report.failures
        assert_type([failure.path for failure in missed], list[Path])
        listener: cpd.AddListener = AddListener()
        library.add([Path("a.mp4"), "b.mp4"], num_workers=2, wait_seconds=1.0, listener=listener)
        assert_type(len(library), int)
        assert_type(library.folder, Path)
        assert_type(library.status(), cpd.LibraryStatus)
        assert_type(library.videos("duration<2m", limit=3), list[cpd.VideoRow])
        short: cpd.Filter = cpd.parse_filter("duration<2m")
        library.videos(short)
        failures: list[cpd.FailedVideo] = library.failures()
        for failed in failures:
            print(failed.path, failed.reason)
        for video in library:
            assert_type(video, cpd.VideoRow)
            labelled = library.label(video, ["swimming", "running"])
            assert_type(labelled, cpd.LabelledVideo)
            print(labelled.labels[0].label, labelled.segments[0].start_seconds)
        return library.search("a dog", limit=3)


def organize(library: cpd.Library) -> None:
    assert_type(library.collections.create("walks"), cpd.CollectionRow)
    assert_type(library.collections.add("walks", ["a.mp4", Path("videos")]), int)
    for collection in library.collections.list():
        assert_type(collection, cpd.CollectionRow)
        print(collection.name, collection.videos, collection.hours)
    held: cpd.Collections = library.collections
    assert_type(held.drop("walks", dry_run=True).videos, int)
    for labelled in library.label_videos(["walking", "running"], where="collection:walks"):
        assert_type(labelled, cpd.LabelledVideo)
    removal = library.remove(cpd.parse_filter("duration>2h"), dry_run=True)
    assert_type(removal, cpd.RemovalReport)
    assert_type(removal.removed, list[cpd.RemovedVideo])
    pruned = library.prune(["videos"], even_if_gone=True, wait_seconds=1.0)
    assert_type(pruned, cpd.PruneReport)
    roots: cpd.Roots = library.roots
    change = roots.set("videos", "~/Films")
    assert_type(change, cpd.RootChange)
    for root in roots.list():
        assert_type(root, cpd.RootRow)
    library.add("~/Films", collections=["walks"], prune=True)


def look_after(library: cpd.Library) -> None:
    metadata: cpd.Metadata = library.metadata
    assert_type(metadata.get("a.mp4"), cpd.VideoMetadata)
    assert_type(metadata.texts("a.mp4"), list[cpd.VideoText])
    assert_type(metadata.set_each([("a.mp4", {"camera": "A7"})]), cpd.SetReport)
    snapshots: cpd.Snapshots = library.snapshots
    assert_type(snapshots.create(keep=7), cpd.Snapshot)
    assert_type(snapshots.restore("before", backup=False), cpd.RestoreReport)
    assert_type(library.reembed("cpd-start", window_seconds=2.0), cpd.ReembedReport)
    models: cpd.Models = library.models
    for model in models.list():
        assert_type(model, cpd.ModelStatus)
    assert_type(models.get(1).answers, bool)


def search_by_vector(library: cpd.Library) -> list[cpd.Hit]:
    encoder = cpd.load_encoder("cpd-base")
    assert_type(encoder, cpd.Encoder)
    vectors_BD = encoder.encode_text(["a dog"])
    assert_type(vectors_BD, NDArray[np.float32])
    hits = library.search(vectors_BD[0], fingerprint=encoder.fingerprint, merge=False)
    assert_type(hits[0].score, float)
    return hits


def compare(model: str | Path | cpd.Encoder | None) -> None:
    found = cpd.evaluate.retrieval("captions.csv", split="val", model=model)
    assert_type(found, cpd.evaluate.RetrievalResult)
    named = cpd.evaluate.zero_shot("captions.csv", "classes.txt", model=model)
    assert_type(named, cpd.evaluate.ZeroShotResult)
    half = cpd.evaluate.zero_shot_half("captions.csv", ["walking", "running"], num_draws=5)
    assert_type(half, cpd.evaluate.HalfZeroShotResult)
    linear = cpd.evaluate.linear("splits.csv", split_number=2, features="embedding")
    assert_type(linear, cpd.evaluate.ClassifierResult)
    settings = cpd.evaluate.FinetuneSettings(epochs=2)
    cpd.evaluate.finetune("splits.csv", settings=settings, out="tuned")
    cpd.evaluate.finetune("splits.csv", settings=cpd.evaluate.AUTHORS_LINEAR, model="mine/bundle")
    assert_type(found.figures["recall_at_1"] - half.figures["top1"], float)
    missed: list[cpd.evaluate.FailedEvaluation] = found.failures
    assert_type([failure.path for failure in missed], list[Path])
    print(found.protocol, named.figures["top1"], half.draws, linear.figures, linear.warnings)


def train() -> Path | None:
    listener: cpd.train.RunListener = Listener()
    adapted = cpd.train.adapt("captions.csv", out="mine", settings={"epochs": 2})
    assert_type(adapted, cpd.train.RunResult)
    done = cpd.train.run("smoke", out=Path("run"), max_steps=2, listener=listener)
    return done.bundle or adapted.bundle


def survive() -> None:
    try:
        print([facts.name for facts in cpd.list_models()])
        cpd.open("my-library", model="cpd-start").search("a dog")
    except (cpd.IndexMismatchError, cpd.LibraryBusyError, cpd.LibraryNotFoundError) as error:
        family: cpd.LibraryError = error
        print(family)
    except cpd.FilterError as error:
        assert_type(error.position, int | None)
    except cpd.RootGoneError as error:
        print(error)
    except (cpd.InputError, cpd.ModelError, cpd.VideoError) as error:
        print(error)
    except cpd.CPDError:
        raise


def commands() -> None:
    print(cpd.app.info.name)
    cpd.main(["--version"])
