"""A load client of our own: many browsers' worth of media from one process, enough for a whole core of server."""
