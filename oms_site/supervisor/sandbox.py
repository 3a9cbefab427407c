"""The logins and API keys that `manage.py seed_sandbox` makes, told on the terminal."""

from __future__ import annotations

from oms_site.supervisor import terminal
from oms_site.supervisor.data import Layout

ORGANIZATIONS = ("alpha", "beta")
# role name, whether it also has an API key
PEOPLE = (
    ("trader", True),
    ("compliance", True),
    ("compliance2", False),
    ("ops", True),
    ("auditor", True),
    ("admin", True),
)
PASSWORD = "sandbox"  # noqa: S105  published on purpose: the sandbox holds no real money


def show_logins(layout: Layout) -> None:
    """Tell who can log in and with which key a program speaks to the API."""
    rows = [
        (
            f"{organization}_{name}",
            PASSWORD,
            f"oems_test_{organization}_{name}" if keyed else "",
        )
        for organization in ORGANIZATIONS
        for name, keyed in PEOPLE
    ]
    terminal.table("Sandbox logins", ("login", "password", "API key"), rows)
    terminal.say(
        f"\n  Programs send:  Authorization: Bearer oems_test_alpha_trader\n"
        f"  Logs:           {layout.logs}\n"
        "  Ctrl-C stops everything; the data stays."
    )
