"""A folder of each kind of ready-made dual encoder, tiny and random."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cpd_model.encoders.dual_encoders import MODEL_TYPES


@pytest.fixture(params=MODEL_TYPES)
def model_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(dual_encoder_folder: Any, model_type: str) -> Path:
    made: Path = dual_encoder_folder(model_type)
    return made


@pytest.fixture
def copied_folder(folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(folder, tmp_path / "model"))
