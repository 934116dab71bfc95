"""`cpd model ...` as a person types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

import cpd_model
from cpd_model.cache import CACHE_VARIABLE
from cpd_model.commands import register
from cpd_model.errors import CPDError, ModelNotFoundError
from cpd_model.testing import tiny_bundle

SHOWN = [
    "name",
    "kind",
    "folder",
    "fingerprint",
    "video_tower",
    "text_tower",
    "embed_dim",
    "temperature",
    "clip_spec",
    "num_parameters",
    "size_bytes",
    "terms",
    "notes",
]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "mine [1]"  # brackets are markup to rich, and a name to a person
    tiny_bundle(folder, video_tower="frames")
    return folder


def run(*words: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["model", *words], env={"COLUMNS": "200"})


def answer(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_list_names_the_default_and_whether_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))

    models = answer("list")["models"]
    table = run("list").stdout

    assert [model["name"] for model in models[:2]] == ["cpd-base", "cpd-start"]
    assert models[0]["ready"] is False
    assert models[0]["default"] is True
    assert models[0]["folder"].startswith(str(tmp_path))
    assert "cpd-base (default)" in table
    assert "made on first use" in table


def test_a_bundle_is_shown_with_all_its_facts(bundle: Path) -> None:
    facts = answer("show", str(bundle))

    assert list(facts) == SHOWN
    assert facts["folder"] == str(bundle)
    assert facts["kind"] == "bundle of cpd"
    assert facts["num_parameters"] > 0
    assert facts["size_bytes"] == sum(path.stat().st_size for path in bundle.iterdir())
    assert set(facts["clip_spec"]) == {
        "num_frames",
        "frame_size",
        "resize",
        "short_side",
        "span_seconds",
    }


def test_what_is_shown_is_what_the_encoder_says(bundle: Path) -> None:
    encoder = cpd_model.load_encoder(str(bundle), device="cpu")

    facts = answer("show", str(bundle))

    assert facts["fingerprint"] == encoder.fingerprint
    assert facts["embed_dim"] == encoder.embed_dim
    assert facts["temperature"] == encoder.temperature
    assert cpd_model.ClipSpec(**facts["clip_spec"]) == encoder.clip_spec


def test_a_model_of_transformers_is_shown(dual_encoder_folder: Any) -> None:
    folder = dual_encoder_folder("xclip")

    facts = answer("show", str(folder))

    assert list(facts) == SHOWN
    assert facts["kind"] == "X-CLIP of transformers"
    assert facts["video_tower"] == "the whole clip"
    assert facts["embed_dim"] == 8
    assert facts["clip_spec"]["num_frames"] == 4


def test_a_person_sees_a_table(bundle: Path) -> None:
    result = run("show", str(bundle))

    assert result.exit_code == 0
    assert "fingerprint" in result.stdout
    assert "mine [1]" in result.stdout
    assert "frames, spread over the window" in result.stdout


@pytest.mark.slow
def test_the_default_tells_its_terms_and_its_limits(base_bundle: Path) -> None:
    facts = answer("show")
    table = run("show").stdout

    assert (facts["name"], facts["folder"]) == ("cpd-base", str(base_bundle))
    for owner in ("WordNet", "MSR-VTT", "Flickr8k", "COCO"):
        assert any(owner in terms for terms in facts["terms"])
    assert "order and speed of movement it cannot tell" in table


@pytest.mark.slow
def test_cpd_start_tells_its_terms_and_its_limits(start_bundle: Path) -> None:
    facts = answer("show", "cpd-start")

    assert not any("MSR-VTT" in terms for terms in facts["terms"])
    assert any("about 7 % top-1 among the 101" in note for note in facts["notes"])


@pytest.mark.slow
def test_cpd_start_is_made_once(start_bundle: Path) -> None:
    made = answer("make-start")
    said = run("make-start").stdout

    assert made["folder"] == str(start_bundle)
    assert made["fingerprint"] == answer("show", "cpd-start")["fingerprint"]
    assert f"cpd-start stands in {start_bundle}" in said


def test_a_whole_model_is_called_whole(bundle: Path) -> None:
    verdict = answer("verify", str(bundle))
    result = run("verify", str(bundle))

    assert verdict == {
        "model": str(bundle),
        "folder": str(bundle),
        "whole": True,
        "problems": [],
    }
    assert result.exit_code == 0
    assert "is whole" in result.stdout


def test_a_damaged_model_is_named_and_ends_with_1(bundle: Path) -> None:
    (bundle / "model.safetensors").unlink()

    result = run("verify", str(bundle))
    verdict = run("verify", str(bundle), "--json")

    assert result.exit_code == verdict.exit_code == 1
    assert "model.safetensors is missing" in result.stdout
    assert json.loads(verdict.stdout)["whole"] is False
    assert json.loads(verdict.stdout)["problems"] == ["model.safetensors is missing"]


@pytest.mark.parametrize("command", ["show", "verify"])
def test_an_unknown_model_is_an_error_for_main_to_print(command: str) -> None:
    result = run(command, "cpd-strat")

    assert isinstance(result.exception, ModelNotFoundError)
    assert isinstance(result.exception, CPDError)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "program",
    ["import cpd_model", "import cpd_model.commands", "from cpd_model import spoken_label"],
)
def test_importing_the_package_loads_nothing_heavy(program: str) -> None:
    program += "\nimport sys\nprint(sorted({'torch', 'transformers'} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"


def test_public_names_are_those_of_their_modules() -> None:
    from cpd_model.loading import load_encoder

    assert cpd_model.load_encoder is load_encoder
    assert cpd_model.CPDModel.__name__ == "CPDModel"
    with pytest.raises(AttributeError, match="No cpd_model attribute nothing"):
        _ = cpd_model.nothing  # type: ignore[attr-defined]
