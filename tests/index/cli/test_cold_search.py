"""A search from a shell is a fresh process each time: it loads what a query needs and no more."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cpd_model.loading import load_encoder
from index.library.library import Library

PROGRAM = """
import sys
import cpd
try:
    cpd.main(sys.argv[1:])
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""
SLOW_TO_IMPORT = {"torch", "transformers", "alembic", "av", "PIL", "scipy", "sklearn", "fastapi"}


def fresh_cpd(*words: object) -> "subprocess.CompletedProcess[str]":
    """`cpd` in a process of its own, which says on stderr what it had imported at its end."""
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def modules_of(ended: "subprocess.CompletedProcess[str]") -> set[str]:
    return set(ended.stderr.splitlines()[-1].split())


def test_a_search_imports_nothing_that_takes_seconds(lib: Path) -> None:
    ended = fresh_cpd("search", "a red scene", "--library", lib, "--json")

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["hits"]
    assert modules_of(ended).isdisjoint(SLOW_TO_IMPORT)


def test_its_hits_are_those_of_the_whole_model(lib: Path, bundle: Path) -> None:
    encoder = load_encoder(str(bundle), device="cpu")
    query_D = encoder.encode_text(["a red scene"])[0]
    with Library.open(lib) as library:
        expected = library.search(query_D, fingerprint=encoder.fingerprint)

    found: dict[str, Any] = json.loads(
        fresh_cpd("search", "a red scene", "--library", lib, "--json").stdout
    )

    assert found["model"] == str(bundle)
    assert [hit["segment_id"] for hit in found["hits"]] == [hit.segment_id for hit in expected]
    np.testing.assert_allclose(
        [hit["score"] for hit in found["hits"]], [hit.score for hit in expected], atol=1e-5
    )


def test_a_table_of_hits_imports_no_more(lib: Path) -> None:
    ended = fresh_cpd("search", "a red scene", "--library", lib)

    assert ended.returncode == 0, ended.stderr
    assert "red.mp4" in ended.stdout
    assert modules_of(ended).isdisjoint(SLOW_TO_IMPORT)
