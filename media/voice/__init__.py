"""Telephone calls over SIP trunks, and their sound as Opus packets; knows no leg, no engine and no browser."""
