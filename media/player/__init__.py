"""Prompts and hold media: pre-packetised clips, sent to any number of legs from one clock."""
