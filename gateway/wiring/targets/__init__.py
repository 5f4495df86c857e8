"""Real ACDs for the conformance kit: the adapters as the gateway builds them, for the address that `--target` names.

How an ACD is called and its secrets come from an `[[acds]]` entry of the settings, or from the environment; the address
and the queue from the command line. Decides nothing of a scenario.
"""

from gateway.wiring.targets.aim import Aim
from gateway.wiring.targets.bench import open_bench

__all__ = ["Aim", "open_bench"]
