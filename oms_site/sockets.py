"""Where sockets go: client streams by key, screens by browser session and origin."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path
from django.utils.module_loading import import_string

from oms_site.journal.stream import OrderStream

_screens = AllowedHostsOriginValidator(
    AuthMiddlewareStack(
        URLRouter(
            [
                path("desk/", import_string("orders.live.DeskSocket").as_asgi()),
                path("review/", import_string("orders.review_desk.live.ReviewSocket").as_asgi()),
                path("market/", import_string("orders.market_live.MarketSocket").as_asgi()),
            ]
        )
    )
)
application = URLRouter(
    [
        path("v1/trading/order-stream/", OrderStream.as_asgi()),
        path(
            "v1/data/price-stream/",
            import_string("venues.price_stream.socket.PriceStream").as_asgi(),
        ),
        re_path(r"^ws/", _screens),
    ]
)
