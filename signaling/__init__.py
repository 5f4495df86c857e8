"""Talks to browsers: routes, WebSocket sessions, typed messages, limits. It knows no business rule."""
