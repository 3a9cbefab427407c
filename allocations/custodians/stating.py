"""Reading a custodian's statement as it came over a wire: whole, or not at all."""

from __future__ import annotations

import msgspec

from allocations.custodians.port import CustodianError, CustodianStatement


def read(said: object) -> CustodianStatement:
    """A statement from decoded JSON, decimals and dates as text. Raises `CustodianError`."""
    try:
        return msgspec.convert(said, CustodianStatement, strict=False)
    except msgspec.MsgspecError as error:
        raise CustodianError("statement_unreadable", str(error)) from error
