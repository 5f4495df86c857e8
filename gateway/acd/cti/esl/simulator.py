"""A FreeSWITCH to practise on: its event socket, and a small mod_callcenter that is led by hand. Loopback only.

Speaks as mod_callcenter and the core do, in the order they do, as far as the feed listens. For tests and for the
conformance kit; no call is made, no sound is heard.
"""

import asyncio
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

EPOCH: float = 1_700_000_000.0


@dataclass(slots=True)
class Member:
    """A caller."""

    correlation: str
    session: str
    uuid: str = ""
    queue: str = ""
    state: str = ""  # Waiting, Trying, Answered
    agent: str = ""
    agent_leg: str = ""
    joined: int = 0
    alive: bool = True


@dataclass(slots=True)
class Agent:
    name: str
    status: str = "Available"
    state: str = "Waiting"
    wrap_up_s: int = 0


@dataclass(slots=True)
class _Session:
    writer: asyncio.StreamWriter
    user: bool = False
    listens: bool = False


class FreeswitchSimulator:
    """`start`, `port`, `aclose`; then lead it."""

    def __init__(
        self,
        *,
        password: str = "practice",  # noqa: S107 - of a server that lives for a test
        header: str = "X-Video-Contact-Id",
        time: Callable[[], float] = lambda: EPOCH,
    ) -> None:
        self.password, self.header = password, header
        self.members: list[Member] = []
        self.agents: dict[str, Agent] = {}
        self.commands: list[str] = []  # what we were asked to do
        self.silent: set[str] = set()  # first words of commands that get no answer
        self.reject = False  # by address
        self.muted: set[str] = set()  # CC-Actions and event names that nobody is told
        self._time = time
        self._numbers = itertools.count(1)
        self._sessions: list[_Session] = []
        self._server: asyncio.Server | None = None
        self._port = 0

    # ---------------------------------------------------------------- the server

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self._port = self._server.sockets[0].getsockname()[1]

    @property
    def port(self) -> int:
        return self._port

    def count(self, command: str) -> int:
        """How often something that begins so was asked for."""
        return sum(each.startswith(command) for each in self.commands)

    async def aclose(self) -> None:
        """As when FreeSWITCH stops: nobody is served any more."""
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
        self.members.clear()
        await self.start(self._port)

    def send(self, data: bytes) -> None:
        """Anything, to everybody who listens."""
        for session in self._sessions:
            if session.listens and not session.writer.is_closing():
                session.writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(writer)
        self._sessions.append(session)
        try:
            if self.reject:
                text = b"Access Denied, go away.\n"
                writer.write(b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n%s" % (len(text), text))
                await writer.drain()
                return
            writer.write(b"Content-Type: auth/request\n\n")
            while True:
                command = (await reader.readuntil(b"\n\n")).decode().strip()
                self.commands.append(command)
                if command.split()[0] not in self.silent and command.partition(" ")[2].split(" ")[0] not in self.silent:
                    self._obey(session, command)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._sessions.remove(session)
            writer.close()

    def _obey(self, session: _Session, command: str) -> None:
        word, _, rest = command.partition(" ")
        if word == "auth":
            session.user = rest == self.password
            reply = "+OK accepted" if session.user else "-ERR invalid"
        elif not session.user:
            reply = "-ERR command not found"
        elif word == "event":
            session.listens = True
            reply = "+OK event listener enabled plain"
        elif word == "api":
            body = self._api(rest).encode()
            session.writer.write(b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body))
            return
        else:
            reply = "-ERR command not found"
        session.writer.write(f"Content-Type: command/reply\nReply-Text: {reply}\n\n".encode())

    def _api(self, command: str) -> str:
        match command.split(" "):
            case ["uptime"]:
                return "4711"
            case ["callcenter_config", "agent", "list"]:
                rows = [f"{a.name}|{a.status}|{a.state}|{a.wrap_up_s}" for a in self.agents.values()]
                return _table("name|status|state|wrap_up_time", rows)
            case ["callcenter_config", "queue", "list"]:
                queues = sorted({member.queue for member in self.members if member.queue})
                return _table("name|strategy", [f"{queue}|longest-idle-agent" for queue in queues])
            case ["callcenter_config", "queue", "list", "members", queue]:
                waiting = [member for member in self.members if member.queue == queue]
                rows = [
                    f"{m.queue}|{m.uuid}|{m.session}|4930123|Kunde|{m.agent}|{m.state}|{1_000 - place}"
                    for place, m in enumerate(waiting)
                ]
                return _table("queue|uuid|session_uuid|cid_number|cid_name|serving_agent|state|score", rows)
            case ["callcenter_config", "agent", "set", "status", name, *status]:
                if name not in self.agents:
                    return "-ERR Agent not found!\n"
                self.set_agent(name, status=" ".join(status).strip("'"))
                return "+OK\n"
            case ["uuid_getvar", session, _]:
                found = next((m.correlation for m in self.members if m.session == session), None)
                return "-ERR No such channel!\n" if found is None else found or "_undef_"
            case ["uuid_exists", session]:
                return "true" if any(m.session == session and m.alive for m in self.members) else "false"
            case ["uuid_transfer", session, *_]:
                for member in self.members:
                    if member.session == session:
                        self.leave(member, "BREAK_OUT")
                        self.hang_up(member, "send_bye")
                        return "+OK\n"
                return "-ERR No such channel!\n"
            case _:
                return "-USAGE\n"

    def event(self, name: str, *, subclass: str = "", **fields: str) -> None:
        """Tell everybody. Names of fields with `_` for `-`, but those of channel variables as they are."""
        if name in self.muted or fields.get("CC_Action") in self.muted:
            return
        lines = {"Event-Name": name, "Core-UUID": "b2c3", "Event-Date-Timestamp": str(int(self._time() * 1e6))}
        if subclass:
            lines["Event-Subclass"] = subclass
        for key, value in fields.items():
            lines[key if key.startswith("variable_") else key.replace("_", "-")] = value
        body = "".join(f"{key}: {quote(value)}\n" for key, value in lines.items()) + "\n"
        self.send(f"Content-Length: {len(body)}\nContent-Type: text/event-plain\n\n{body}".encode())

    # ---------------------------------------------------------------- callers

    def call(self, correlation: str) -> Member:
        """An INVITE came."""
        member = Member(correlation, str(uuid.UUID(int=next(self._numbers))))
        self.members.append(member)
        return member

    def join(self, member: Member, queue: str) -> None:
        """The dialplan's `callcenter`."""
        member.uuid, member.queue, member.state = str(uuid.UUID(int=next(self._numbers) << 64)), queue, "Waiting"
        member.joined = int(self._time())
        self._callcenter(member, "member-queue-start", channel=True)

    def ring(self, member: Member, agent: str) -> None:
        member.state, member.agent = "Trying", agent
        self.set_agent(agent, state="Receiving")
        self._callcenter(member, "agent-offering", CC_Agent=agent)

    def no_answer(self, member: Member, cause: str = "NO_ANSWER") -> None:
        """Or whatever the agent's phone did."""
        agent, member.state, member.agent = member.agent, "Waiting", ""
        self._callcenter(member, "bridge-agent-fail", CC_Agent=agent, CC_Hangup_Cause=cause)
        self.set_agent(agent, state="Waiting")

    def answer(self, member: Member, agent: str) -> None:
        member.state, member.agent = "Answered", agent
        member.agent_leg = str(uuid.UUID(int=next(self._numbers) << 32))
        self._callcenter(member, "bridge-agent-start", CC_Agent=agent, CC_Agent_UUID=member.agent_leg)
        self.set_agent(agent, state="In a queue call")

    def abandon(self, member: Member) -> None:
        """The customer hangs up while waiting."""
        self.leave(member, "BREAK_OUT", waited_s=42)
        self.hang_up(member, "recv_bye")

    def leave(self, member: Member, reason: str, waited_s: int = 60) -> None:
        """Out of the queue without an agent; `reason` as CC-Cancel-Reason."""
        times = {"CC_Member_Joined_Time": str(member.joined), "CC_Member_Leaving_Time": str(member.joined + waited_s)}
        self._callcenter(member, "member-queue-end", channel=True, CC_Cause="Cancel", CC_Cancel_Reason=reason, **times)
        member.queue = member.state = ""

    def hang_up(self, member: Member, disposition: str = "send_bye", cause: str = "NORMAL_CLEARING") -> None:
        """The customer's channel: `recv_bye` when they hung up, `send_bye` when FreeSWITCH did."""
        member.alive = False
        if member in self.members:
            self.members.remove(member)
        self.event(
            "CHANNEL_HANGUP_COMPLETE",
            Unique_ID=member.session,
            Hangup_Cause=cause,
            variable_sip_hangup_disposition=disposition,
            **self._header(member),
        )

    def complete(self, member: Member, by: str) -> None:
        """The talk is over: `caller` or `agent` hung up, or `transfer`."""
        if by == "caller":
            self.hang_up(member, "recv_bye")
        agent, leg = member.agent, member.agent_leg
        self._callcenter(member, "bridge-agent-end", CC_Agent=agent, CC_Agent_UUID=leg, CC_Hangup_Cause="NONE")
        self._callcenter(member, "member-queue-end", channel=True, CC_Cause="Terminated", CC_Agent=agent)
        self.set_agent(agent, state="Waiting")
        member.queue = member.state = member.agent = ""
        if by == "agent":
            self.hang_up(member, "send_bye")

    def hold(self, member: Member, *, on: bool = True) -> None:
        """The agent's phone."""
        self.event("CHANNEL_HOLD" if on else "CHANNEL_UNHOLD", Unique_ID=member.agent_leg)

    def bridged(self, member: Member, number: str) -> None:
        """Outside mod_callcenter: the target of a transfer answers."""
        other = {"Other_Leg_Unique_ID": "5", "Other_Leg_Destination_Number": number}
        self.event("CHANNEL_BRIDGE", Unique_ID=member.session, **other)

    # ---------------------------------------------------------------- agents

    def agent(self, name: str, wrap_up_s: int = 0) -> None:
        """An agent, available. mod_callcenter tells nobody of new ones."""
        self.agents[name] = Agent(name, wrap_up_s=wrap_up_s)

    def set_agent(self, name: str, *, status: str = "", state: str = "") -> None:
        agent = self.agents.get(name)
        if agent is None:
            return
        if status and status != agent.status:
            agent.status = status
            self._info("agent-status-change", CC_Agent=name, CC_Agent_Status=status)
        if state and state != agent.state:
            agent.state = state
            self._info("agent-state-change", CC_Agent=name, CC_Agent_State=state)

    def _info(self, action: str, **fields: str) -> None:
        self.event("CUSTOM", subclass="callcenter::info", CC_Action=action, **fields)

    def _callcenter(self, member: Member, action: str, *, channel: bool = False, **fields: str) -> None:
        uuids = {"CC_Member_UUID": member.uuid, "CC_Member_Session_UUID": member.session}
        own = {"Unique_ID": member.session, **self._header(member)} if channel else {}
        self._info(action, CC_Queue=member.queue, **own, **uuids, **fields)

    def _header(self, member: Member) -> dict[str, str]:
        name = f"variable_sip_h_{self.header}"
        return {name: member.correlation} if member.correlation else {}


def _table(head: str, rows: list[str]) -> str:
    return "".join(f"{line}\n" for line in ([head, *rows] if rows else [])) + "+OK\n"
