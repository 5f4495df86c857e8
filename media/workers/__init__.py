"""The media engine in processes of its own, behind the same port: one UDP port and one core each."""
