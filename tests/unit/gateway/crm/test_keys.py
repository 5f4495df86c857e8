"""Keys of customers: the same person has the same, and a copy of the database tells nobody's."""

import pytest

from gateway.base.errors import SetupError
from gateway.crm.keys import KeyMaker
from gateway.crm.port import KeyKind
from gateway.parties import Entry, Identity

KEYS = KeyMaker("a secret of the house")
ANNA = Identity(realm="shop", subject="anna@shop.example")


def entry(identity: Identity | None = None, visitor_key: str = "visitor-1") -> Entry:
    return Entry(site="shop", visitor_key=visitor_key, language="en", identity=identity)


def test_the_same_identity_has_the_same_key_from_every_browser() -> None:
    one, other = KEYS.of_entry(entry(ANNA)), KEYS.of_entry(entry(ANNA, "visitor-2"))
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert [key.kind for key in one] == [KeyKind.IDENTITY, KeyKind.BROWSER]


def test_who_is_not_signed_in_is_known_by_the_browser_alone() -> None:
    assert [key.kind for key in KEYS.of_entry(entry())] == [KeyKind.BROWSER]


def test_a_claim_is_another_key_than_the_verified_one() -> None:
    claimed = Identity(realm="shop", subject=ANNA.subject, verified=False)
    assert KEYS.of_identity(claimed).kind is KeyKind.CLAIMED
    assert KEYS.of_identity(claimed).digest != KEYS.of_identity(ANNA).digest


def test_the_same_name_in_two_realms_is_two_people() -> None:
    digests = {KEYS.of_identity(Identity(realm=realm, subject=subject)).digest for realm, subject in (
        ("shop", "anna"), ("bank", "anna"), ("shop\nanna", ""), ("shop", "\nanna"),
    )}  # fmt: skip
    assert len(digests) == 4


def test_without_the_secret_of_the_house_the_digest_is_another() -> None:
    assert KeyMaker("another secret, as long").of_identity(ANNA) != KEYS.of_identity(ANNA)
    with pytest.raises(SetupError, match="secret_short"):
        KeyMaker("short")


def test_no_digest_holds_what_it_was_made_of() -> None:
    assert all("anna" not in key.digest and "visitor" not in key.digest for key in KEYS.of_entry(entry(ANNA)))


def test_browsers_are_not_known_where_the_house_does_not_want_it() -> None:
    assert KeyMaker("a secret of the house", browsers=False).of_entry(entry()) == ()
    assert KEYS.of_visitor("") == ()
