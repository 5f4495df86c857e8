"""Our own ACD, for centers without one: queues, skills, strategies, offers."""
