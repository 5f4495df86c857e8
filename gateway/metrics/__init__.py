"""What `/metrics` shows of the rooms, one module per subject. Reads their figures when it is asked; decides nothing.

The names and labels are in `docs/operator/metrics.md`. What signaling counts of its sockets is in `signaling.metrics`.
"""
