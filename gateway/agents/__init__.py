"""Agents as the routing sees them: their states, their readiness, their presence."""
