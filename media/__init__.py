"""Moves packets: UDP, ICE, DTLS, RTP, prompts, recording. It knows no contact-center word."""
