"""A node with an ACD in call mode: its trunks are asked and shown."""

import json
from pathlib import Path

from tests.support.product import Product, until
from tests.support.sip_peer import sip_peer


async def test_a_node_asks_its_trunks_and_shows_them(tmp_path: Path) -> None:
    async with sip_peer() as switch:
        acd = {
            "name": "pbx",
            "kind": "sip",
            "numbers": {"support": "7001"},
            "trunks": [{"name": "main", "domain": f"127.0.0.1:{switch.port}", "caller_domain": "127.0.0.1"}],
        }
        node = await Product.start(
            tmp_path,
            settings={
                "VISAVIS_ACDS": json.dumps([acd]),
                "VISAVIS_QUEUES": json.dumps([{"id": "support", "name": "Support", "acd": "pbx"}]),
                "VISAVIS_VOICE__INTERFACE": "127.0.0.1",
            },
        )
        try:
            labels = '{acd="pbx",trunk="main"}'
            assert await node.metric(f"visavis_sip_trunk_up{labels}") == 1
            assert await node.metric(f"visavis_sip_capacity{labels}") == 30

            async def asked() -> bool:
                return any(message.method == "OPTIONS" for message in switch.heard)

            await until(asked)
        finally:
            await node.kill()
