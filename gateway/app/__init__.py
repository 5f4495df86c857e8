"""The composition root: builds one node from its settings, starts it bottom up, drains it, ends it top down.

The only place that knows every room. It decides nothing of a contact; it decides what is passed to whom, and in which
order things begin and end. `life` is that order, `rooms` what is built, `doors` what signaling gets of it.
"""

from gateway.app.life import run
from gateway.app.node import Node, Opening

__all__ = ["Node", "Opening", "run"]
