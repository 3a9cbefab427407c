#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from oms_site.supervisor.companion import settings_of_the_copy


def main() -> None:
    os.environ.update(settings_of_the_copy(os.environ))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms_site.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  settings first

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
