"""What a venue calls a security is what it hears and says; we hear of ours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from venues import messages
from venues.formats import Names
from venues.gateways.port import Frame
from venues.gateways.simulator.gateway import SimulatorGateway
from venues.messages import LogonAck, NewOrder, Quote

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
            for said in (LogonAck(last_seq=0), quote):
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
        frames = await anext(gateway.receive())
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
