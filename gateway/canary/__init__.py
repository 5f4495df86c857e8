"""The canary: robots that go through a running gateway as people do, over its public interfaces only."""

from gateway.canary.access import find_token
from gateway.canary.run import CanaryPlan, make_calls, run_canary

__all__ = ["CanaryPlan", "find_token", "make_calls", "run_canary"]
