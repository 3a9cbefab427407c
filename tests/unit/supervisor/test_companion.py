"""`manage.py` beside a running copy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oms_site.supervisor.companion import settings_of_the_copy


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The data directory of a copy."""
    run = {"database_url": "postgresql:///oms", "redis_url": "unix:///valkey.sock"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    (tmp_path / "secret_key").write_text("a-secret\n")
    return tmp_path


def test_a_command_is_about_the_copy_that_runs_in_the_data_directory(copy: Path) -> None:
    found = settings_of_the_copy({"OMS_DATA_DIR": str(copy)})
    assert found == {
        "DATABASE_URL": "postgresql:///oms",
        "REDIS_URL": "unix:///valkey.sock",
        "OMS_DATA_DIR": str(copy),
        "OMS_ENV": "sandbox",
        "OMS_SECRET_KEY": "a-secret",
    }


@pytest.mark.parametrize("name", ["DATABASE_URL", "OMS_SECRET_KEY", "OMS_ENV"])
def test_settings_of_ones_own_are_left_alone(copy: Path, name: str) -> None:
    assert settings_of_the_copy({"OMS_DATA_DIR": str(copy), name: "mine"}) == {}


def test_without_a_copy_nothing_is_said(tmp_path: Path) -> None:
    assert settings_of_the_copy({"OMS_DATA_DIR": str(tmp_path)}) == {}
    (tmp_path / "run.json").write_text("half a f")
    assert settings_of_the_copy({"OMS_DATA_DIR": str(tmp_path)}) == {}
