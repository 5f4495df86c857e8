"""An Asterisk to practise on: its Manager Interface, and a small queue that is led by hand. Loopback only.

Speaks as app_queue does, in the order it does, as far as the feed listens. For tests and for the conformance kit; no
call is made, no sound is heard. Whoever leads it calls the methods below as the people and the dialplan would act.
"""

import asyncio
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path

from gateway.acd.cti.ami.wire import AmiMessage, AmiParser

Fields = list[tuple[str, str]]
GREETING = b"Asterisk Call Manager/9.0.0\r\n"


@dataclass(slots=True)
class Caller:
    correlation: str
    uniqueid: str
    channel: str
    queue: str = ""
    position: int = 0
    original: int = 0
    agent: str = ""
    bridge: str = ""
    alive: bool = True


@dataclass(slots=True)
class Member:
    interface: str
    name: str
    queues: dict[str, tuple[bool, str]] = field(default_factory=dict)  # paused, reason
    status: int = 1
    wrap_up_s: int = 0


@dataclass(slots=True)
class _Session:
    writer: asyncio.StreamWriter
    parser: AmiParser = field(default_factory=AmiParser)
    user: bool = False
    challenge: str = ""


class AsteriskSimulator:
    """`start`, `port`, `aclose`; then lead it."""

    def __init__(
        self,
        *,
        user: str = "visavis",
        secret: str = "practice",  # noqa: S107 - of a server that lives for a test
        variable: str = "VIDEO_CONTACT_ID",
        time: Callable[[], float] = lambda: 1_700_000_000.0,
        queue_log: Path | None = None,
    ) -> None:
        self.user, self.secret, self.variable = user, secret, variable
        self.callers: list[Caller] = []
        self.members: dict[str, Member] = {}
        self.actions: list[AmiMessage] = []  # what we were asked to do
        self.silent: set[str] = set()  # actions that get no answer
        self.refused: dict[str, str] = {}  # action → the message of the error it gets
        self.muted: set[str] = set()  # events that nobody is told
        self._time = time
        self._queue_log = queue_log
        self._numbers = itertools.count(1)
        self._sessions: list[_Session] = []
        self._server: asyncio.Server | None = None
        self._port = 0

    # ---------------------------------------------------------------- the server

    async def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self._port = self._server.sockets[0].getsockname()[1]

    @property
    def port(self) -> int:
        return self._port

    @property
    def sessions(self) -> int:
        """Who is logged in."""
        return sum(session.user for session in self._sessions)

    def count(self, action: str) -> int:
        """How often that was asked for."""
        return sum(message.get("Action") == action for message in self.actions)

    async def aclose(self) -> None:
        """As when Asterisk stops: nobody is served any more."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """Every connection is torn down."""
        for session in self._sessions:
            session.writer.transport.abort()

    async def restart(self) -> None:
        """Stopped, all calls lost, started again on the same port."""
        await self.aclose()
        self.callers.clear()
        await self.start(self._port)

    def send(self, data: bytes) -> None:
        """Anything, to everybody who is logged in."""
        for session in self._sessions:
            if session.user and not session.writer.is_closing():
                session.writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(writer)
        session.parser.greeting = ""  # clients send none
        self._sessions.append(session)
        try:
            writer.write(GREETING)
            while data := await reader.read(65_536):
                for message in session.parser.feed(data):
                    self._act(session, message)
        except OSError:
            pass
        finally:
            self._sessions.remove(session)
            writer.transport.abort()

    def _act(self, session: _Session, message: AmiMessage) -> None:
        action = message.get("Action")
        self.actions.append(message)
        if action in self.silent:
            return
        fields: Fields = []
        ok, text = True, ""
        if action in self.refused:
            ok, text = False, self.refused[action]
        elif action == "Challenge":
            session.challenge = str(next(self._numbers) + 100_000)
            fields = [("Challenge", session.challenge)]
        elif action == "Login":
            key = md5((session.challenge + self.secret).encode(), usedforsecurity=False).hexdigest()
            plain = message.get("Secret") == self.secret
            session.user = message.get("Username") == self.user and (plain or message.get("Key") == key)
            ok, text = session.user, "Authentication accepted" if session.user else "Authentication failed"
        elif not session.user:
            ok, text = False, "Permission denied"
        elif action == "QueuePause":
            ok, text = self._pause_action(message)
        elif action == "QueueWithdrawCaller":
            ok, text = self._withdraw_action(message)
        elif action not in ("Ping", "QueueStatus", "CoreShowChannels", "QueueChangePriorityCaller"):
            ok, text = False, "Invalid/unknown command"
        listed = ok and action in ("QueueStatus", "CoreShowChannels")
        head = [("Response", "Success" if ok else "Error"), ("ActionID", message.get("ActionID"))]
        session.writer.write(_text([*head, *([("EventList", "start")] if listed else []), *fields, ("Message", text)]))
        if listed:
            items = self._status() if action == "QueueStatus" else self._channels()
            for item in items:
                session.writer.write(_text([item[0], ("ActionID", message.get("ActionID")), *item[1:]]))
            done = [("Event", f"{action}Complete"), ("ActionID", message.get("ActionID")), ("EventList", "Complete")]
            session.writer.write(_text([*done, ("ListItems", str(len(items)))]))

    def _pause_action(self, message: AmiMessage) -> tuple[bool, str]:
        member = self.members.get(message.get("Interface"))
        if member is None:
            return False, "Interface not found"
        if message.get("Paused") == "true":
            self.pause(member.interface, message.get("Reason"))
        else:
            self.unpause(member.interface)
        return True, "Interface paused successfully"

    def _withdraw_action(self, message: AmiMessage) -> tuple[bool, str]:
        for caller in self.callers:
            if caller.channel == message.get("Caller") and caller.queue == message.get("Queue"):
                self.leave(caller, "WITHDRAW")
                self.hang_up(caller)
                return True, "Withdraw requested successfully"
        return False, "Unable to find caller in queue"

    # ---------------------------------------------------------------- what is shown

    def _status(self) -> list[Fields]:
        queues = sorted({queue for member in self.members.values() for queue in member.queues})
        found: list[Fields] = [[("Event", "QueueParams"), ("Queue", queue)] for queue in queues]
        for member in self.members.values():
            for queue in member.queues:
                rest = self._member_fields(member, queue)
                found.append([("Event", "QueueMember"), ("Location", member.interface), ("Name", member.name), *rest])
        for caller in self.callers:
            if caller.queue:
                where = [("Queue", caller.queue), ("Position", str(caller.position))]
                who = [("Channel", caller.channel), ("Uniqueid", caller.uniqueid), ("Wait", "3"), ("Priority", "0")]
                found.append([("Event", "QueueEntry"), *where, *who])
        return found

    def _channels(self) -> list[Fields]:
        found: list[Fields] = []
        for caller in self.callers:
            found.append([("Event", "CoreShowChannel"), *self._snapshot(caller), ("BridgeId", caller.bridge)])
            if caller.agent:
                leg = f"{caller.agent}-000000a1"
                ids = [("Channel", leg), ("Uniqueid", f"{caller.uniqueid}9"), ("Linkedid", caller.uniqueid)]
                found.append([("Event", "CoreShowChannel"), *ids, ("BridgeId", caller.bridge)])
        return found

    def _snapshot(self, caller: Caller) -> Fields:
        fields = [("Channel", caller.channel), ("CallerIDNum", "4930123"), ("Uniqueid", caller.uniqueid)]
        fields.append(("Linkedid", caller.uniqueid))
        if caller.correlation:
            fields.append(("ChanVariable", f"{self.variable}={caller.correlation}"))
        return fields

    def event(self, name: str, *fields: tuple[str, str]) -> None:
        """Tell everybody."""
        if name not in self.muted:
            self.send(
                _text([("Event", name), ("Privilege", "agent,all"), ("Timestamp", f"{self._time():.6f}"), *fields])
            )

    def log(self, caller: Caller, agent: str, event: str, *data: str) -> None:
        """A line of queue_log, as it is written whether or not anybody listens."""
        if self._queue_log is not None:
            line = "|".join((str(int(self._time())), caller.uniqueid, caller.queue, agent, event, *data))
            with self._queue_log.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    # ---------------------------------------------------------------- callers

    def call(self, correlation: str) -> Caller:
        """An INVITE came, and the dialplan has read its X-Video-Contact-Id."""
        number = next(self._numbers)
        caller = Caller(correlation, f"1700000000.{number}", f"PJSIP/visavis-{number:08x}")
        self.callers.append(caller)
        ids = [("Channel", caller.channel), ("Uniqueid", caller.uniqueid), ("Linkedid", caller.uniqueid)]
        self.event("Newchannel", *ids)
        if correlation:
            self.event("VarSet", *self._snapshot(caller), ("Variable", f"__{self.variable}"), ("Value", correlation))
        return caller

    def join(self, caller: Caller, queue: str, position: int | None = None) -> None:
        """Queue(): at the end, or at that position."""
        waiting = sum(each.queue == queue for each in self.callers)
        place = position or waiting + 1
        for each in self.callers:
            if each.queue == queue and each.position >= place:
                each.position += 1
        caller.queue, caller.position, caller.original = queue, place, place
        where = [("Queue", queue), ("Position", str(place)), ("Count", str(waiting + 1))]
        self.log(caller, "NONE", "ENTERQUEUE", "", "4930123", str(place))
        self.event("QueueCallerJoin", *self._snapshot(caller), *where)

    def leave(self, caller: Caller, status: str = "") -> None:
        """Out of the queue; `status` as QUEUESTATUS."""
        queue, place = caller.queue, caller.position
        if status:
            event = {"TIMEOUT": "EXITWITHTIMEOUT", "WITHDRAW": "WITHDRAW"}.get(status, "EXITEMPTY")
            self.log(caller, "NONE", event, str(place), str(caller.original), "60")
        caller.queue, caller.position = "", 0
        for each in self.callers:
            if each.queue == queue and each.position > place:
                each.position -= 1
        where = [
            ("Queue", queue),
            ("Position", str(place)),
            ("Count", str(sum(c.queue == queue for c in self.callers))),
        ]
        self.event("QueueCallerLeave", *self._snapshot(caller), *where)
        if status:
            self.event("VarSet", *self._snapshot(caller), ("Variable", "QUEUESTATUS"), ("Value", status))

    def ring(self, caller: Caller, interface: str) -> None:
        self.device(interface, 6)
        self.event("AgentCalled", *self._snapshot(caller), *self._agent(caller, interface))

    def no_answer(self, caller: Caller, interface: str, status: str = "") -> None:
        """RONA; or with `status` (BUSY, CHANUNAVAIL) what the phone said."""
        if status:
            self._dial_end(caller, interface, status)
        self.device(interface, 1)
        self.log(caller, self.members[interface].name, "RINGNOANSWER", "15000")
        self.event("AgentRingNoAnswer", *self._snapshot(caller), *self._agent(caller, interface), ("RingTime", "15000"))

    def answer(self, caller: Caller, interface: str) -> None:
        self._dial_end(caller, interface, "ANSWER")
        queue = caller.queue
        self.log(caller, self.members[interface].name, "CONNECT", "5", f"{caller.uniqueid}9", "3")
        self.device(interface, 2)
        self.leave(caller)
        caller.agent, caller.bridge = interface, f"bridge-{caller.uniqueid}"
        times = [("RingTime", "3"), ("HoldTime", "5")]
        self.event("AgentConnect", *self._snapshot(caller), *self._agent(caller, interface, queue), *times)

    def abandon(self, caller: Caller) -> None:
        """The customer hangs up while waiting."""
        self.log(caller, "NONE", "ABANDON", str(caller.position), str(caller.original), "42")
        where = [
            ("Queue", caller.queue),
            ("Position", str(caller.position)),
            ("OriginalPosition", str(caller.original)),
        ]
        self.event("QueueCallerAbandon", *self._snapshot(caller), *where, ("HoldTime", "42"))
        self.leave(caller)
        self.hang_up(caller)

    def complete(self, caller: Caller, reason: str, queue: str = "support") -> None:
        """The talk is over: `caller` or `agent` hung up, or `transfer`."""
        interface = caller.agent
        word = {"caller": "COMPLETECALLER", "agent": "COMPLETEAGENT"}.get(reason)
        if word:
            self.log(caller, self.members[interface].name, word, "5", "60", "1")
        self.device(interface, 1)
        times = [("HoldTime", "5"), ("TalkTime", "60"), ("Reason", reason)]
        self.event("AgentComplete", *self._snapshot(caller), *self._agent(caller, interface, queue), *times)
        if reason != "transfer":
            self.hang_up(caller)

    def hang_up(self, caller: Caller, cause: str = "16") -> None:
        caller.alive, caller.agent = False, ""
        if caller in self.callers:
            self.callers.remove(caller)
        self.event("Hangup", *self._snapshot(caller), ("Cause", cause), ("Cause-txt", "Normal Clearing"))

    def hold(self, caller: Caller, *, on: bool = True) -> None:
        """The agent's phone."""
        leg = [("Channel", f"{caller.agent}-000000a1"), ("Uniqueid", f"{caller.uniqueid}9")]
        self.event("Hold" if on else "Unhold", *leg, ("Linkedid", caller.uniqueid))

    def blind_transfer(self, caller: Caller, extension: str) -> None:
        leg = [("TransfererUniqueid", f"{caller.uniqueid}9"), ("TransfererLinkedid", caller.uniqueid)]
        rest = [("TransfereeUniqueid", caller.uniqueid), ("Extension", extension), ("Context", "internal")]
        self.event("BlindTransfer", ("Result", "Success"), *leg, *rest)
        self.complete(caller, "transfer")

    def attended_transfer(self, caller: Caller, interface: str) -> None:
        rest = [("TransfereeUniqueid", caller.uniqueid), ("TransferTargetChannel", f"{interface}-000000b2")]
        self.event("AttendedTransfer", ("Result", "Success"), ("OrigTransfererLinkedid", caller.uniqueid), *rest)
        self.complete(caller, "transfer")
        caller.agent = interface

    def dial_answered(self, caller: Caller, interface: str) -> None:
        """Outside app_queue: the target of a transfer answers."""
        caller.agent, caller.bridge = interface, f"bridge-{caller.uniqueid}-2"
        self._dial_end(caller, interface, "ANSWER")

    def _dial_end(self, caller: Caller, interface: str, status: str) -> None:
        target = [("DestChannel", f"{interface}-000000a1"), ("DestLinkedid", caller.uniqueid), ("DialStatus", status)]
        self.event("DialEnd", *self._snapshot(caller), *target)

    # ---------------------------------------------------------------- agents

    def member(self, interface: str, name: str, *queues: str, wrap_up_s: int = 0) -> None:
        """An agent logs in to these queues."""
        member = self.members.setdefault(interface, Member(interface, name, wrap_up_s=wrap_up_s))
        for queue in queues:
            member.queues[queue] = (False, "")
            self.event("QueueMemberAdded", *self._member_event(member, queue))

    def log_out(self, interface: str) -> None:
        member = self.members.pop(interface)
        for queue in list(member.queues):
            self.event("QueueMemberRemoved", *self._member_event(member, queue))

    def pause(self, interface: str, reason: str = "") -> None:
        self._set_paused(interface, (True, reason))

    def unpause(self, interface: str) -> None:
        self._set_paused(interface, (False, ""))

    def device(self, interface: str, status: int) -> None:
        """The phone's state: 1 not in use, 2 in use, 5 unavailable, 6 ringing."""
        member = self.members.get(interface)
        if member is not None and member.status != status:
            member.status = status
            for queue in member.queues:
                self.event("QueueMemberStatus", *self._member_event(member, queue))

    def _set_paused(self, interface: str, paused: tuple[bool, str]) -> None:
        member = self.members[interface]
        for queue in member.queues:
            member.queues[queue] = paused
            self.event("QueueMemberPause", *self._member_event(member, queue))

    def _member_event(self, member: Member, queue: str) -> Fields:
        rest = self._member_fields(member, queue)
        return [("MemberName", member.name), ("Interface", member.interface), *rest]

    def _member_fields(self, member: Member, queue: str) -> Fields:
        paused, reason = member.queues[queue]
        state = [("Status", str(member.status)), ("Paused", str(int(paused))), ("PausedReason", reason)]
        rest = [("InCall", str(int(member.status == 2))), ("Wrapuptime", str(member.wrap_up_s))]
        return [("Queue", queue), ("Membership", "dynamic"), ("Penalty", "0"), *state, *rest]

    def _agent(self, caller: Caller, interface: str, queue: str = "") -> Fields:
        name = self.members[interface].name if interface in self.members else interface
        return [("Queue", queue or caller.queue), ("MemberName", name), ("Interface", interface)]


def _text(fields: Fields) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in fields).encode() + b"\r\n"
