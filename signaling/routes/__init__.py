"""The HTTP interface, one module per group of addresses (`docs/developer/rest.md`)."""
