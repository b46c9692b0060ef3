"""The picture of a relay result: every measured row has its bar, longer for what costs more."""

from __future__ import annotations

import re
from xml.dom import minidom

from moksori.bench.relay.plot import svg


def test_every_measured_row_is_a_bar_as_long_as_its_cost() -> None:
    rows = [
        {
            "stack": stack,
            "mode": "paced",
            "sessions": 100,
            "frame_ms": 20,
            "tls": False,
            "cpu_us_per_msg": cost,
        }
        for stack, cost in (("moksori", 20.0), ("nginx", 10.0), ("litellm", 80.0), ("absent", None))
    ]
    picture = svg(rows, "A <machine>")
    minidom.parseString(picture)  # our own output, not a stranger's
    widths = [float(w) for w in re.findall(r'<rect x="210" y="\d+" width="([\d.]+)"', picture)]
    assert len(widths) == 3
    assert widths[0] == 2 * widths[1]
    assert widths[2] == 4 * widths[0]
    assert "absent" not in picture
    assert "A &lt;machine&gt;" in picture
