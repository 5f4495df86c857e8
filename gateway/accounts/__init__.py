"""Who works here: accounts, passwords, sign-ins, and the robots' seats. Knows no contact and no web server."""
