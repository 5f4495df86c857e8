"""One UDP port for every browser: demultiplexing, ICE-lite, DTLS, SRTP. It knows no codec and no bridge.

The way of a packet: `udp` reads it, with what came beside it (`batch`), and finds the owner of its source; `server` (or
`client`) reads checks with `stun` and judges them with `ice` (or `controlling`); `secured` hands DTLS to `dtls` and
opens media with `srtp`, all on the same bytes, then lends them to the link's sink. What is sent from them waits for the
end of the batch.

Nothing that arrives is logged per packet. What was dropped is counted in `TransportServer.counters`, by these names:

    datagram_size       empty, of one byte, or over 1500 bytes
    datagram_kind       from a validated address, neither STUN nor DTLS nor RTP (RFC 7983)
    stranger_junk       from an address that passed no check, and not a check
    stun_header         type, cookie or length of a STUN message is wrong
    stun_attribute      an attribute is cut off, too long, too short, or in the wrong place
    stun_fingerprint    FINGERPRINT missing or wrong
    stun_integrity      MESSAGE-INTEGRITY missing or not made with the link's password
    stun_username       names no link, or the wrong pair of fragments
    stun_not_a_check    an indication or answer where only checks are expected
    stun_rate           more checks for one link than its allowance per tick
    stun_response       client side: an answer to nothing we asked, or not from where we asked
    stun_error          client side: a check was refused
    address_taken       a check from the address of somebody else's live link
    dtls_queue_full     more DTLS datagrams than a handshake needs
    dtls_error          a handshake ended in an exception
    media_early         media before there were keys
    srtp_auth           SRTP or SRTCP of other keys, or changed on its way
    srtp_replay         a packet that came before
    srtp_replay_old     a packet too old to tell
    srtp_malformed      not a whole RTP or RTCP packet
    srtp_ssrc_limit     one more source than a peer may send
    send_not_connected  media to send before there were keys, or after the end
    send_size           too long, or too short to be a packet
    send_protect        libsrtp refused it: a sequence number used before, a broken header
    send_full           the kernel's buffer was full
    send_unreachable    no route
    send_refused        forbidden by the machine's firewall
    send_error          any other error of the socket
    receive_error       reading the socket failed
    handler_error       our own bug: a sink raised; these are logged
    close_abandoned     a close took longer than its deadline
"""
