"""The way from a bare Python to a ready environment, without the network."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from oms_site.supervisor import bootstrap
from oms_site.supervisor.data import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "package-lock.json")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with lock files and a virtual environment that holds nothing."""
    for name in LOCKS:
        (tmp_path / name).write_text(f"content of {name}\n")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV_STAMP", tmp_path / ".venv" / "oems-installed.json")
    return tmp_path


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lock files that were installed, instead of installing them."""
    done: list[str] = []
    monkeypatch.setattr(bootstrap, "run", lambda argv, *, what: done.append(Path(argv[-1]).name))
    return done


def test_packages_are_installed_once_until_the_lock_changes(
    project: Path, installs: list[str]
) -> None:
    bootstrap.ensure_packages(dev=False)
    bootstrap.ensure_packages(dev=False)
    assert installs == ["requirements.lock"]
    (project / "requirements.lock").write_text("something newer\n")
    bootstrap.ensure_packages(dev=False)
    assert installs == ["requirements.lock", "requirements.lock"]


def test_the_development_packages_serve_for_running_too(project: Path, installs: list[str]) -> None:
    bootstrap.ensure_packages(dev=True)
    bootstrap.ensure_packages(dev=False)
    assert installs == ["requirements-dev.lock"]


def test_an_interrupted_installation_is_done_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(argv: list[str], *, what: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.ensure_packages(dev=False)
    assert bootstrap.stamp_of(bootstrap.VENV_STAMP) == {}


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("WARNING: Retrying (Retry(total=4 ...)) after connection broken by", "Check the network"),
        ("npm error code ENOTFOUND", "Check the network"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "Do not install it"),
        ("ERROR: No matching distribution found for amqp==5.4.2", "no ready-made build"),
        ("[Errno 13] Permission denied: '/x'", "cannot be written"),
        ("something nobody foresaw", "running the same command again is safe"),
    ],
)
def test_a_failure_is_answered_with_what_to_do(said: str, advice: str) -> None:
    assert advice in bootstrap.advise(said)


def test_an_old_python_can_still_read_that_it_is_too_old() -> None:
    source = (ROOT / "oms_site" / "supervisor" / "bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 7))


def test_the_bootstrap_needs_nothing_but_the_standard_library() -> None:
    script = ROOT / "oms_site" / "supervisor" / "bootstrap.py"
    argv = [sys.executable, "-I", "-S", str(script), "--help"]
    assert subprocess.run(argv, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_host_and_no_path_of_this_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|file:|--index-url|--find-links|\"resolved\"", text)


def test_both_locks_agree_on_every_version_and_every_package_has_a_hash() -> None:
    runtime, everything = (pins(name) for name in LOCKS[:2])
    assert runtime.items() <= everything.items()
    for name in LOCKS[:2]:
        blocks = re.split(r"\n(?=\w)", (ROOT / name).read_text())
        assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])


def pins(name: str) -> dict[str, str]:
    """Package and exact version of every line of a lock file."""
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+(?:\[.*?\])?)==(\S+)", text, re.MULTILINE))
