"""Our own ACD, for centers without one: queues, longest-idle agent, offers."""
