"""Whoever is built before the desk can give an alarm, and it reaches the board once there is one."""

from typing import cast

from structlog.testing import capture_logs

from gateway.app.alarms import Alarms
from gateway.base.ids import ContactId, RecordingId
from gateway.contacts.desk import ContactDesk


class FakeDesk:
    def __init__(self) -> None:
        self.alarms: list[tuple[str, str, ContactId | None]] = []

    def alarm(self, code: str, detail: str, contact_id: ContactId | None = None) -> None:
        self.alarms.append((code, detail, contact_id))


def test_an_alarm_before_there_is_a_desk_is_in_the_log() -> None:
    with capture_logs() as logged:
        Alarms().tell("acd_silent", "The ACD says nothing.")
    assert [(line["event"], line["code"], line["log_level"]) for line in logged] == [("alarm", "acd_silent", "warning")]


def test_an_alarm_is_the_boards_once_there_is_a_desk() -> None:
    alarms, desk = Alarms(), FakeDesk()
    alarms.desk = cast("ContactDesk", desk)
    alarms.tell("acd_silent", "The ACD says nothing.", ContactId("ct_1"))
    assert desk.alarms == [("acd_silent", "The ACD says nothing.", "ct_1")]


def test_an_alarm_of_a_recording_names_it() -> None:
    alarms, desk = Alarms(), FakeDesk()
    alarms.desk = cast("ContactDesk", desk)
    alarms.of_recording("disk_full", RecordingId("rc_1"), ContactId("ct_1"), "There is no room.")
    alarms.of_recording("disk_full", RecordingId(""), ContactId(""), "There is no room.")
    assert desk.alarms == [("disk_full", "There is no room. (rc_1)", "ct_1"), ("disk_full", "There is no room.", None)]
