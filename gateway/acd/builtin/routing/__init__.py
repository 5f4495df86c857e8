"""Who is served next and by whom: the rules of our own ACD. Pure: no clock, no store, no port."""
