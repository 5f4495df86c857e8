"""One UDP port for every browser: demultiplexing, ICE-lite, DTLS, SRTP. It knows no codec and no bridge."""
