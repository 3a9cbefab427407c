"""TLS of a FIX line: what we trust, who the venue has to be, and who we say we are.

Called in the session's thread, since it reads files. Nothing here is lenient: a certificate that is
wrong, of another name, expired or by nobody we trust ends the try, and a person is told.
"""

from __future__ import annotations

import ssl

from venues.gateways.port import GatewayError
from venues.models import FixLine


def context(line: FixLine) -> ssl.SSLContext | None:
    """How a line is sealed; None for one that is not. Raises `GatewayError` for unusable files."""
    if not line.tls:
        return None
    try:
        made = ssl.create_default_context(cafile=line.tls_ca_file or None)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        if line.tls_certificate_file:
            # Without an answer to its question a locked key would ask whoever is at the console.
            made.load_cert_chain(line.tls_certificate_file, line.tls_key_file, password=str)
    except (OSError, ValueError) as error:
        text = f"{line.pk}: its TLS files cannot be used ({error})"
        raise GatewayError("tls_unusable", text, permanent=True) from error
    return made
