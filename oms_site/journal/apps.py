"""Registers the journal."""

from __future__ import annotations

from django.apps import AppConfig


class JournalConfig(AppConfig):
    """What happened, for ever."""

    name = "oms_site.journal"
    label = "journal"
    verbose_name = "Journal"
