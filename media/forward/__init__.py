"""Packets from leg to leg: rewriting, retransmission, feedback. Nothing here decodes or allocates per packet."""
