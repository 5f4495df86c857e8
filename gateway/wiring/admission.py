"""`signaling.ports.Admission`: asks the desk what it would say to a contact now."""

from gateway.contacts.desk import ContactDesk
from gateway.parties import Entry


class AdmissionForSignaling:
    """`signaling.ports.Admission`: asks the desk what it would say to a contact now."""

    def __init__(self, desk: ContactDesk) -> None:
        self._desk = desk

    async def check(self, site: str, visitor_key: str, *, canary: bool, invited: bool = False) -> None:
        self._desk.admit(Entry(site=site, visitor_key=visitor_key, language="en", canary=canary), invited=invited)
