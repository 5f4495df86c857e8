"""How long and how often, from the environment. The defaults keep `make bench` near ten minutes."""

import os
from typing import Final

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "2"))
"""How often ours and Janus take turns at each figure."""

WINDOW_S: Final = float(os.environ.get("BENCH_WINDOW_S", "5"))
WARM_S: Final = float(os.environ.get("BENCH_WARM_S", "2"))
"""After set-up: sources are learnt, key frames asked for, rings filled."""

SRTP: Final = os.environ.get("BENCH_SRTP", "cm")
"""The one profile the load client offers: cm, which every browser must know (RFC 8827 §6.5), or gcm."""

QUIET_LOAD: Final = 2.5
"""Below this load average, ours included, a lost packet is a mistake and fails the test; above it is noise."""
