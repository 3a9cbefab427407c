"""A small JSON client of the API inside the test process."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

ORDER: dict[str, Any] = {
    "account_id": "eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4",
    "instrument_id": "037833DP2",
    "amount": {"par": 3000},
    "type": "limit",
    "side": "buy",
    "limit_price": 99.5,
}


class Api:
    """Speaks as one sandbox key."""

    def __init__(self, user: str) -> None:
        self._client = Client(headers={"authorization": f"Bearer oems_test_{user}"})

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded answer of one request; `body` may be raw bytes."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        response = self._client.generic(
            method, path, data, content_type="application/json", headers=headers
        )
        text = response.content
        return response.status_code, json.loads(text) if text else None

    def get(self, path: str) -> tuple[int, Any]:
        return self("GET", path)

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        return self("POST", path, body)

    def delete(self, path: str) -> tuple[int, Any]:
        return self("DELETE", path)

    def submit(self, *, key: str = "", **changes: Any) -> tuple[int, Any]:
        """Submit the standard order with some fields changed; None removes a field."""
        headers = {"Idempotency-Key": key} if key else None
        body = {k: v for k, v in {**ORDER, **changes}.items() if v is not None}
        return self("POST", "/v1/trading/order/", body, headers)
