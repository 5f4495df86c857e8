"""The soak: calls that come and go on bad networks, a fault every minute, and what was promised checked all along."""
