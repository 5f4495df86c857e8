"""Alarms on their way to the desk's board: rooms below the desk are built before it, and hold this in its place."""

from gateway.base.ids import ContactId, RecordingId
from gateway.base.log import get_logger
from gateway.contacts.desk import ContactDesk

_log = get_logger("app")


class Alarms:
    """Of one node. Before there is a desk an alarm is in the log only."""

    def __init__(self) -> None:
        self.desk: ContactDesk | None = None

    def tell(self, code: str, detail: str, contact_id: ContactId | None = None) -> None:
        """Show an alarm on the board."""
        if self.desk is not None:
            self.desk.alarm(code, detail, contact_id)
        else:
            _log.warning("alarm", code=code, detail=detail, contact_id=contact_id)

    def of_recording(self, code: str, recording_id: RecordingId, contact_id: ContactId, detail: str) -> None:
        """`gateway.recordings.port.AlarmPort`."""
        self.tell(code, f"{detail} ({recording_id})" if recording_id else detail, contact_id or None)
