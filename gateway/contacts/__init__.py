"""The contact: its states, its actor, its journal, and the desk that people and packets meet at."""
