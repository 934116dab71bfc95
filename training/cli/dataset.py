"""`cpd dataset ...`: lists of pairs from the layouts that data sets come in, and packing them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.data.datasets.captioned_videos import MsrvttSplit
    from training.data.datasets.listing import Listing

dataset_app = typer.Typer(
    name="dataset",
    help="Make lists of videos and captions from the layouts that data sets come in.",
    no_args_is_help=True,
)

Root = Annotated[Path, typer.Argument(help="The folder that holds the unpacked data set.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="CSV to write; by default cpd-manifest.csv in the folder itself."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the counts as JSON, and nothing else.")]


@dataset_app.command("ucf101")
def ucf101(root: Root, out: Out = None, as_json: Json = False) -> None:
    """UCF101: UCF-101/CLASS/v_CLASS_g01_c01.avi and ucfTrainTestlist/; official splits 1 to 3."""
    from training.data.datasets.actions import list_ucf101

    _write(list_ucf101(root), root, out, as_json=as_json)


@dataset_app.command("hmdb51")
def hmdb51(root: Root, out: Out = None, as_json: Json = False) -> None:
    """HMDB51: CLASS/*.avi and CLASS_test_split1.txt ...; official splits 1 to 3."""
    from training.data.datasets.actions import list_hmdb51

    _write(list_hmdb51(root), root, out, as_json=as_json)


@dataset_app.command("kinetics")
def kinetics(root: Root, out: Out = None, as_json: Json = False) -> None:
    """Kinetics: ID_START_END.mp4 in any folder, and the CSVs of its annotations."""
    from training.data.datasets.actions import list_kinetics

    _write(list_kinetics(root), root, out, as_json=as_json)


@dataset_app.command("msrvtt")
def msrvtt(
    root: Root,
    out: Out = None,
    split: Annotated[
        str, typer.Option("--split", help="full, or 1k-a: test on MSRVTT_JSFUSION_test.csv.")
    ] = "full",
    as_json: Json = False,
) -> None:
    """MSR-VTT: videoN.mp4 in any folder, and the JSON of its annotations."""
    from training.data.datasets.captioned_videos import list_msrvtt

    _write(list_msrvtt(root, split=_msrvtt_split(split)), root, out, as_json=as_json)


@dataset_app.command("msvd")
def msvd(root: Root, out: Out = None, as_json: Json = False) -> None:
    """MSVD: ID_START_END.avi, and AllVideoDescriptions.txt or video_corpus.csv."""
    from training.data.datasets.captioned_videos import list_msvd

    _write(list_msvd(root), root, out, as_json=as_json)


@dataset_app.command("flickr8k")
def flickr8k(root: Root, out: Out = None, as_json: Json = False) -> None:
    """Flickr8k: its photographs, and Flickr8k.token.txt or captions.txt."""
    from training.data.datasets.captioned_images import list_flickr8k

    _write(list_flickr8k(root), root, out, as_json=as_json)


@dataset_app.command("coco")
def coco(root: Root, out: Out = None, as_json: Json = False) -> None:
    """COCO: train2017/ and val2017/ (or 2014), and annotations/captions_train2017.json ..."""
    from training.data.datasets.captioned_images import list_coco

    _write(list_coco(root), root, out, as_json=as_json)


@dataset_app.command("folder")
def folder(root: Root, out: Out = None, as_json: Json = False) -> None:
    """Your own: SPLIT/LABEL/x.mp4, with captions in x.txt, x.json or x.info.json beside it."""
    from training.data.datasets.folders import list_folder

    _write(list_folder(root), root, out, as_json=as_json)


@dataset_app.command("pack")
def pack(
    pairs: Annotated[
        Path, typer.Option("--pairs", help="CSV, JSONL or parquet list, or a folder, of pairs.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the shards; holds none yet.")],
    split: Annotated[
        str | None, typer.Option("--split", help="Pack the pairs of this split alone.")
    ] = None,
    shard_megabytes: Annotated[
        int, typer.Option("--shard-megabytes", min=1, help="Largest size of a shard.")
    ] = 1000,
    as_json: Json = False,
) -> None:
    """Pack pairs into WebDataset shards, which `--pairs OUT` reads like the list itself."""
    from training.data.packing import pack_pairs
    from training.data.pairs import read_pairs

    found = read_pairs(pairs, split=split)
    with typer.progressbar(
        length=len(found), label="packing", file=typer.get_text_stream("stderr")
    ) as bar:
        shards = pack_pairs(
            found,
            out,
            max_shard_bytes=shard_megabytes * 1_000_000,
            on_pair=lambda _: bar.update(1),
        )
    num_bytes = sum(shard.stat().st_size for shard in shards)
    if as_json:
        figures = {"pairs": len(found), "shards": [str(path) for path in shards]}
        typer.echo(json.dumps({**figures, "bytes": num_bytes}))
    else:
        typer.echo(
            f"packed {len(found)} pairs into {len(shards)} shards in {out} "
            f"({num_bytes / 1e6:,.1f} MB)"
        )


def _msrvtt_split(written: str) -> "MsrvttSplit":
    if written == "full":
        return "full"
    if written == "1k-a":
        return "1k-a"
    raise typer.BadParameter(f"{written!r} is no split of MSR-VTT: full or 1k-a")


def _write(listing: "Listing", root: Path, out: Path | None, *, as_json: bool) -> None:
    from training.data.datasets.listing import write_manifest

    path = out or root / "cpd-manifest.csv"
    write_manifest(listing, path)
    counts = listing.counts()
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "manifest": str(path),
                    "media": listing.num_media,
                    "rows": len(listing.rows),
                    "splits": counts,
                    "missing": len(listing.missing),
                }
            )
        )
        return
    splits = ", ".join(f"{split or 'no split'} {count}" for split, count in counts.items())
    typer.echo(f"wrote {path}: {listing.num_media} media ({splits}), {len(listing.rows)} rows")
    if listing.missing:
        typer.echo(
            f"{len(listing.missing)} media that the annotations name are not there, "
            f"such as {listing.missing[0]}",
            err=True,
        )
