"""What the payloads of codecs say of themselves, read from a few bytes: nothing here decodes a picture."""
