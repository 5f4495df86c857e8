"""The port to a call distributor (ACD), and its adapters, one folder each."""
