"""`python -m gateway.cli` is `visavis`."""

from gateway.cli import main

main()
