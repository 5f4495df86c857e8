"""A stand with a simulator per adapter, by the name that `--adapter` takes."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.acd.kit.stand import Stand
from gateway.acd.kit.stands.asterisk import ami_stand
from gateway.acd.kit.stands.calls import sip_stand
from gateway.acd.kit.stands.center import CenterStand
from gateway.acd.kit.stands.freeswitch import esl_stand
from gateway.acd.kit.stands.own import OwnStand
from gateway.base.clock import Clock

STANDS: Final[Mapping[str, Callable[[Clock], Stand]]] = {
    "own": OwnStand,
    "sip": sip_stand,
    "ami": ami_stand,
    "esl": esl_stand,
    "tasks": CenterStand,
}
