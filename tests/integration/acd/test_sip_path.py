"""The whole path: browser, media process, SIP trunk, proxy, the agent's telephone, and back; and its recording."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from gateway.acd.events import (
    Ended,
    Offered,
    Party,
    Queued,
    QueueExit,
    TargetKind,
    TransferMode,
    Transferred,
    TransferTarget,
    VoiceUp,
)
from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId, LegId
from gateway.config import RecordingSettings
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.policy import Action
from gateway.recordings.port import RecordingRecord
from gateway.recordings.service import RecordingService
from gateway.recordings.states import RecordingState
from gateway.recordings.store import RecordingStore
from media.port import TELEPHONE, FromLeg, MediaPort, SetSource
from media.recording.captures import Captures
from media.recording.format import MarkSet, RtpCaptured, TrackOpened
from tests.integration.acd.sip_rig import center
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import Voice
from tests.support.recording_rig import FakeArchive, MemoryRecords, Order
from tests.support.sip_peer import loudest_hz, tone
from tests.support.telephony import phone, proxy


def near(heard_hz: float, said_hz: float) -> bool:
    return abs(heard_hz - said_hz) < said_hz * 0.03


CONTACT = ContactId("ct_00000001")


class Recorded:
    """The gateway's recordings over an engine, as far as the file in its folder."""

    def __init__(self, media: MediaPort, folder: Path) -> None:
        self.records = MemoryRecords()
        self.store = RecordingStore(folder)
        self.service = RecordingService(
            media=media,
            records=self.records,
            store=self.store,
            finaliser=Finaliser(jobs=1, timeout_s=60.0, command=(sys.executable, "-m", "media.recording.finalise")),
            archive=FakeArchive(),
            settings=RecordingSettings(min_free_bytes=0),
            clock=SystemClock(),
            on_alarm=lambda *_: None,
            audit=self._audited,
        )
        self.service.start()

    async def _audited(self, *_: object) -> None: ...

    @property
    def row(self) -> RecordingRecord:
        (row,) = self.records.rows.values()
        return row

    @property
    def folder(self) -> Path:
        return self.store.folder(self.row.recording_id)

    def written(self) -> list[str]:
        """What is in the capture so far, in order: marks, and the roles whose packets these are."""
        found: list[str] = []
        roles: dict[int, str] = {}
        for _, record in Captures(self.folder).records():
            match record:
                case TrackOpened():
                    roles[record.track] = record.role
                case MarkSet():
                    found.append(record.name)
                case RtpCaptured():
                    found.append(roles[record.track])
                case _:
                    pass
        return found

    def since(self, mark: str) -> list[str]:
        """What is in it behind that mark; nothing while the mark is not on the disk."""
        written = self.written()
        return written[written.index(mark) + 1 :] if mark in written else []

    def telephone(self) -> list[tuple[float, npt.NDArray[np.int16]]]:
        """(time, 48 kHz) of each decoded piece of the finished file's track."""
        with av.open(str(self.folder / "recording.webm")) as container:
            (stream,) = (each for each in container.streams if each.metadata["title"] == "telephone audio")
            pieces = [(float(frame.time), frame.to_ndarray()) for frame in container.decode(stream)]
        return [(time_s, (piece[0] * 32767).astype(np.int16)) for time_s, piece in pieces]


@asynccontextmanager
async def recorded(media: MediaPort, folder: Path) -> AsyncIterator[Recorded]:
    opened = Recorded(media, folder)
    try:
        yield opened
    finally:
        await opened.service.aclose()


@pytest.mark.parametrize("workers", [1], ids=["in a media process"])
async def test_customer_and_agent_talk_through_a_proxy_and_a_transfer_and_are_recorded(
    workers: int, tmp_path: Path
) -> None:
    async with (
        phone(tone_hz=700) as agent,
        phone(tone_hz=1100) as colleague,
        proxy({"7001": agent.port, "7005": colleague.port}) as way,
        center([way.port], workers=workers) as here,
        recorded(here.stage.engine, tmp_path) as tape,
    ):
        customer = Voice(await here.stage.robot("lg_customer", call_id=CONTACT))
        await here.stage.robot("lg_agent", call_id=CONTACT)
        ref = await here.offer()
        first = (await here.tells(VoiceUp)).leg_id
        await here.acd.claimed(ref, AgentId("ag_00000001"))
        await here.stage.engine.execute(SetSource(leg_id="lg_customer", source=FromLeg(leg_id=first)))
        await here.stage.engine.execute(SetSource(leg_id=first, source=FromLeg(leg_id="lg_customer")))
        customer.speak(tone(440, 48_000))
        await until(lambda: near(loudest_hz(customer.heard()[-24_000:], 48_000), 700), "the customer hears the agent")
        await until(lambda: near(loudest_hz(agent.heard()[-4000:]), 440), "the agent hears the customer")

        order = Order(
            contact_id=CONTACT, customer_leg=LegId("lg_customer"), agent_leg=LegId("lg_agent"), telephone_leg=first
        )
        await tape.service.begin(order)
        await until(lambda: tape.row.state is RecordingState.ACTIVE, "it is recorded")
        await until(lambda: tape.written().count(TELEPHONE) > 50, "a second of the agent is on the disk")
        await tape.service.control(CONTACT, Action.PAUSE, by="agent:ag_00000001")

        await here.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="sales"))
        second = (await here.tells(VoiceUp, 2)).leg_id
        await here.stage.engine.execute(SetSource(leg_id="lg_customer", source=FromLeg(leg_id=second)))
        await tape.service.attach(CONTACT, second, TELEPHONE)
        await until(lambda: near(loudest_hz(customer.heard()[-24_000:], 48_000), 1100), "and then the colleague")
        await tape.service.control(CONTACT, Action.RESUME, by="agent:ag_00000001")
        await until(lambda: tape.since("resume").count(TELEPHONE) > 50, "a second of the colleague is on the disk")
        assert tape.since("pause")[0] == "resume", "nothing of anybody, while both talked on"
        await tape.service.stop(CONTACT, "over")
        await tape.service.idle()
        customer.hush()
        await here.acd.claimed(ref, AgentId("ag_00000002"))
        await colleague.hang_up()
        await here.tells(Ended)
        await here.at_rest()
        assert here.told == [
            Offered(),
            VoiceUp(leg_id=first, answered=True),
            Queued(place=None),
            Transferred(queue="sales"),
            VoiceUp(leg_id=second, answered=True),
            Ended(by=Party.ACD),
        ]
        row = tape.row
        assert row.state is RecordingState.COMPLETE
        assert {(track["role"], track["kind"]): track["incomplete"] for track in row.tracks} == {
            ("customer", "audio"): False,
            (TELEPHONE, "audio"): False,
        }
        said = tape.telephone()
        (paused_s,) = (mark["at_s"] for mark in row.marks if mark["name"] == "pause")
        (resumed_s,) = (mark["at_s"] for mark in row.marks if mark["name"] == "resume")
        assert not [time_s for time_s, _ in said if paused_s < time_s < resumed_s]
        agents = np.concatenate([piece for time_s, piece in said if time_s < paused_s])
        colleagues = np.concatenate([piece for time_s, piece in said if time_s >= resumed_s])
        assert near(loudest_hz(agents, 48_000), 700)
        assert near(loudest_hz(colleagues, 48_000), 1100)


async def test_a_proxy_that_finds_no_number_says_so() -> None:
    async with proxy({"7005": 9}) as way, center([way.port]) as here:
        await here.offer()
        await here.tells(QueueExit)
        assert here.events[-1].raw["sip_status"] == "404"
