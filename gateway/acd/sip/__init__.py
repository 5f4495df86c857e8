"""Call mode over SIP: the ACD owns queue, routing and sound; the video waits beside under a correlation id."""
