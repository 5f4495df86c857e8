"""Foreign ACDs in the settings: read by their kind, and each queue names one that exists."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from gateway.config import QueueSettings, Settings
from gateway.config.acd import AcdSection
from gateway.config.acds import KINDS, ByKind, check_acds, word_of


class Pigeon(AcdSection):
    kind: Literal["pigeon"]
    loft: str = Field("tower", description="Where it flies.")


class Drum(AcdSection):
    kind: Literal["drum"]
    beats: int = Field(3, ge=1, description="Of a call.")


class Center(BaseModel):
    acds: tuple[Annotated[AcdSection, ByKind([Pigeon, Drum])], ...] = ()


def test_each_entry_is_read_by_its_kind() -> None:
    center = Center.model_validate({"acds": [{"name": "a", "kind": "pigeon"}, {"name": "b", "kind": "drum"}]})
    assert center.acds == (Pigeon(name="a", kind="pigeon"), Drum(name="b", kind="drum"))


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({"name": "a", "kind": "horse"}, ("acds", 0)),
        ({"name": "a"}, ("acds", 0)),
        ({"name": "a", "kind": "drum", "beats": 0}, ("acds", 0, "drum", "beats")),
        ({"name": "a", "kind": "drum", "loft": "tower"}, ("acds", 0, "drum", "loft")),
        ({"name": "no spaces", "kind": "drum"}, ("acds", 0, "drum", "name")),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_by_its_place(entry: dict[str, object], where: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Center.model_validate({"acds": [entry]})
    assert refused.value.errors()[0]["loc"] == where


def test_every_kind_has_a_word_of_its_own_and_says_what_each_field_is() -> None:
    assert len({word_of(kind) for kind in KINDS}) == len(KINDS)
    assert all(field.description for kind in KINDS for field in kind.model_fields.values())


def test_a_queue_is_served_by_the_own_acd_unless_it_says_otherwise() -> None:
    assert QueueSettings(id="sales", name="Sales").acd == "own"


def test_a_queue_of_an_acd_that_is_not_there_is_an_error_that_names_both() -> None:
    with pytest.raises(ValidationError, match=r"sales has acd = 'phone', and there is no such one in acds \(own\)"):
        Settings(queues=(QueueSettings(id="sales", name="Sales", acd="phone"),))


@pytest.mark.parametrize(
    ("names", "text"), [(["own"], "`own` is the name"), (["a", "b", "a"], "two are called a"), (["a", "b"], None)]
)
def test_names_are_unique_and_own_is_taken(names: list[str], text: str | None) -> None:
    acds = [Pigeon(name=name, kind="pigeon") for name in names]
    if text is None:
        check_acds(acds, {"sales": "a", "chat": "own"})
    else:
        with pytest.raises(ValueError, match=text):
            check_acds(acds, {})
