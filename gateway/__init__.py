"""The contact-center side of the product: it decides. It knows no web server and no packet."""
