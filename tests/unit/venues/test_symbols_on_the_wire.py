"""What a venue calls a security is what it hears and says; we hear of ours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from venues import messages
from venues.formats import Names
from venues.gateways.port import Frame
from venues.gateways.simulator.gateway import SimulatorGateway
from venues.messages import LogonAck, MarketDataRequestReject, NewOrder, Quote

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
NAMES = Names("8", {"912810TL2": "T 4 52"}, {"T 4 52": "912810TL2"})
ORDER = NewOrder(
    cl_ord_id="vo-1",
    security_id="912810TL2",
    side="1",
    ord_type="1",
    order_qty=Decimal(1000),
    transact_time=AT,
)


def test_a_venue_hears_and_says_its_own_names() -> None:
    async def story() -> tuple[list[bytes], list[Frame]]:
        heard: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            quote = Quote(security_id="T 4 52", at=AT)
            refused = MarketDataRequestReject(securities=("T 4 52",), about="book", reason="0")
            for said in (LogonAck(last_seq=0), quote, refused):
                writer.write(messages.encode(said) + b"\n")
            while line := await reader.readline():
                if b'"msg":"D"' in line:
                    heard.append(line)
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        gateway = SimulatorGateway(session="S", host="127.0.0.1", port=port, names=lambda: NAMES)
        await gateway.connect(1)
        await gateway.send([ORDER])
        frames: list[Frame] = []
        async for heard_now in gateway.receive():
            frames += heard_now
            if any(isinstance(f.message, MarketDataRequestReject) for f in frames):
                break
        while not heard:
            await asyncio.sleep(0.01)
        await gateway.close()
        server.close()
        return heard, frames

    heard, frames = asyncio.run(asyncio.wait_for(story(), 20))
    assert b'"security_id":"T 4 52"' in heard[0]
    (quote,) = [f for f in frames if isinstance(f.message, Quote)]
    assert isinstance(quote.message, Quote)
    assert quote.message.security_id == "912810TL2"
    assert "T 4 52" in quote.text
    (refused,) = [f for f in frames if isinstance(f.message, MarketDataRequestReject)]
    assert isinstance(refused.message, MarketDataRequestReject)
    assert refused.message.securities == ("912810TL2",)
    assert "T 4 52" in refused.text
