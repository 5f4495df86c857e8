"""Structured logging: static messages, values as fields, ids from context variables.

No SDP, token, password or payload at any level; personal data only under keys that end in `_pii`.
"""

import logging
import sys
from typing import Any

import structlog


def configure(*, json_lines: bool, level: str = "INFO") -> None:
    """Set up structlog for the process: JSON lines for machines, aligned text for a terminal. Logs go to stderr."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in ("aioice", "aiortc"):  # their DEBUG prints whole SDP and STUN messages
        logging.getLogger(name).setLevel(logging.WARNING)
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Asked for with every line: whoever replaces the stream (a command run by a program) may close theirs.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(component: str) -> Any:
    """A logger whose lines carry `component` and whatever ids are bound in the current context."""
    return structlog.get_logger(component=component)


def bind(**ids: str) -> None:
    """Bind ids (`contact_id=…`) to the current task: a task copies the context of whoever spawned it."""
    structlog.contextvars.bind_contextvars(**ids)
