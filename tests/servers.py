"""Early plugin: a real PostgreSQL and Valkey before Django reads its settings.

Loaded by `-p tests.servers`. The controller of a parallel run starts them once and its workers
inherit the addresses; each worker has a database of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from hypothesis import settings as hypothesis_settings


def _directory(prefix: str) -> str:
    """A new directory that is gone when this process ends; its workers inherit it, and keep it."""
    made = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _allow_copies(url: str) -> None:
    superuser = urlsplit(url)._replace(netloc="postgres@", path="/postgres").geturl()
    with psycopg.connect(superuser, autocommit=True) as link:
        link.execute("GRANT SET ON PARAMETER session_replication_role TO oms")


# Two runs at once would share pytest's own directory, and whoever starts last closes it to the
# servers of the other, which run as another user.
if "PYTEST_DEBUG_TEMPROOT" not in os.environ:
    os.environ["PYTEST_DEBUG_TEMPROOT"] = _directory("oems-tmp-")
# A busy machine is no fault of the code, and a failure must come back when it is looked for.
hypothesis_settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis_settings.load_profile("here")
os.environ.setdefault("OMS_SECRET_KEY", "only-for-tests-and-long-enough-to-be-accepted-anywhere")
os.environ["OMS_ENV"] = "test"
os.environ.setdefault("OMS_LOG_LEVEL", "WARNING")
if "OMS_DATA_DIR" not in os.environ:
    os.environ["OMS_DATA_DIR"] = _directory("oems-test-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms_site.settings")
(Path(os.environ["OMS_DATA_DIR"]) / "static").mkdir(exist_ok=True)

if "DATABASE_URL" not in os.environ:
    from oms_site.supervisor.temporary import temporary_servers

    # Registered after its directory: what is registered last is done first.
    directory, stack = Path(_directory("oems-servers-")), contextlib.ExitStack()
    atexit.register(stack.close)
    servers = stack.enter_context(temporary_servers(directory))
    os.environ["DATABASE_URL"] = servers.database_url
    os.environ["REDIS_URL"] = servers.redis_url
    # Servers of this run alone: a database in them may be left for all of its workers, and their
    # role may copy rows without triggers.
    os.environ["OMS_TEST_SHARED"] = str(directory)
    _allow_copies(servers.database_url)
