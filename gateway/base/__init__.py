"""The ground floor: clock, ids, errors, log, tasks, the table engine. It imports nothing of the house."""
