"""Every metric of a running gateway is in its document, and the other way round."""

import re
from pathlib import Path

import aiohttp

from tests.support.product import ROOT, Product


async def test_the_metrics_and_their_document_agree(tmp_path: Path) -> None:
    product = await Product.start(tmp_path)
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{product.url}/metrics") as response:
            text = await response.text()
    finally:
        await product.kill()
    told = {name.removesuffix("_total").removesuffix("_created") for name in re.findall(r"^# HELP (\S+)", text, re.M)}
    document = (ROOT / "docs" / "operator" / "metrics.md").read_text(encoding="utf-8")
    written = set(re.findall(r"`((?:visavis|process)_[a-z_]+)`", document))
    assert {name for name in told if name.startswith("visavis_")} == {n for n in written if n.startswith("visavis_")}
    assert {name for name in written if name.startswith("process_")} <= told
