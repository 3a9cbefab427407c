"""Registers the gate."""

from __future__ import annotations

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    """Everything that may say no."""

    name = "controls"
