"""Joins rooms that must not know each other: what signaling asks of services, and adapters from the settings.

One module per subject; a class `…ForSignaling` implements the port of that name in `signaling.ports`. Nothing here
decides anything: it renames, joins and turns values into the JSON of `docs/developer/rest.md`.
"""
