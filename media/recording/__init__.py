"""Recording: the crash-safe capture of packets, and the finaliser that makes a playable file of it."""
