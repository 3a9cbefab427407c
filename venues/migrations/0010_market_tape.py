"""FIX lines may carry market data, and may be sealed by TLS. Tapes themselves are a cache."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


def _text(name: str, most: int, words: str) -> migrations.AddField:
    field = models.CharField(max_length=most, blank=True, default="", verbose_name=words)
    return migrations.AddField("fixline", name, field)


class Migration(migrations.Migration):
    dependencies = [("venues", "0009_no_order_goes_again")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddField(
            "fixline",
            "market_data",
            models.BooleanField(
                default=False, help_text="Books and tapes are asked for in this session (V)."
            ),
        ),
        migrations.AddField(
            "fixline",
            "tls",
            models.BooleanField(default=False, verbose_name="TLS", help_text="1.2 or newer."),
        ),
        _text("tls_ca_file", 255, "TLS authorities file"),
        _text("tls_server_name", 120, "TLS server name"),
        _text("tls_certificate_file", 255, "our TLS certificate file"),
        _text("tls_key_file", 255, "our TLS key file"),
        migrations.AddConstraint(
            "fixline",
            models.CheckConstraint(
                condition=Q(tls=True)
                | Q(tls_ca_file="", tls_server_name="", tls_certificate_file="", tls_key_file=""),
                name="fix_line_tls_or_none_of_it",
            ),
        ),
        migrations.AddConstraint(
            "fixline",
            models.CheckConstraint(
                condition=Q(tls_certificate_file="", tls_key_file="")
                | (~Q(tls_certificate_file="") & ~Q(tls_key_file="")),
                name="fix_line_certificate_and_key",
            ),
        ),
    ]
