"""Asterisk: its Manager Interface (AMI) and its queue_log."""
