"""Makes the baseline's tables, accounts, instrument and token: `python prepare.py CUSIP TOKEN`."""

from __future__ import annotations

import os
import sys

import django


def main(cusip: str, key: str) -> None:
    """Everything the baseline needs before its first order."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.drf_viewset.settings")
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from rest_framework.authtoken.models import Token

    from benchmarks.drf_viewset.models import Account, Instrument

    call_command("migrate", run_syncdb=True, verbosity=0)
    Instrument.objects.create(cusip=cusip)
    Account.objects.bulk_create(Account(id=f"alpha-{n:03d}") for n in range(2, 21))
    Token.objects.create(user=User.objects.create_user("trader"), key=key)


if __name__ == "__main__":
    main(*sys.argv[1:])
