"""Task mode put together: an adapter from its settings, and `signaling.ports.TaskAcds` over all of them.

Reads secrets from their files; decides nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from gateway.acd.passes import PanelPasses, PanelSeat
from gateway.acd.tasks.adapter import TaskAcd
from gateway.acd.tasks.caller import AiohttpCaller
from gateway.acd.tasks.document import load_mapping
from gateway.acd.tasks.ports import Caller, Letter, LetterStore
from gateway.acd.tasks.verifying import HeaderVerifier, SignatureVerifier, TwilioVerifier, Verifier
from gateway.base.clock import Clock
from gateway.base.errors import NotFound, SetupError, StateConflict
from gateway.base.ids import ContactId
from gateway.base.signing import LEAST_SECRET_BYTES
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.recordings.port import AuditPort

MAX_LETTERS: Final = 500


def open_task_acd(
    settings: TaskAcdSettings,
    *,
    store: LetterStore | None,
    clock: Clock,
    node: str,
    public_url: str,
    on_alarm: Callable[[str, str], None],
    passes: PanelPasses | None = None,
    through: Callable[[Caller], Caller] = lambda caller: caller,
) -> TaskAcd:
    """The adapter of one entry, not yet started; without a `store` nothing survives it. `through`: what its calls out
    go through. SetupError (`task_mapping`, `secret_short`, `secret_file`)."""
    secret = _secret(settings.name, "secret", settings.secret, settings.secret_file)
    incoming = _secret(settings.name, "incoming_secret", settings.incoming_secret, settings.incoming_secret_file)
    return TaskAcd(
        settings=settings,
        mapping=load_mapping(settings.mapping, settings.variables),
        caller=through(AiohttpCaller(settings, secret, clock)),
        verifier=_verifier(settings, incoming) if incoming else None,
        store=store,
        clock=clock,
        node=node,
        claim_url=lambda correlation: f"{public_url}/agent/claim/{correlation}",
        panels=_Panels(passes, public_url) if passes is not None and settings.embed_origins else None,
        on_alarm=on_alarm,
    )


class _Panels:
    """`gateway.acd.tasks.ports.Panels`. The token stands in the fragment, which browsers send to nobody."""

    def __init__(self, passes: PanelPasses, public_url: str) -> None:
        self._passes = passes
        self._public_url = public_url

    def claim(self, seat: PanelSeat, lasts_s: float) -> Mapping[str, object]:
        token, expires_s = self._passes.issue(seat, lasts_s)
        return {"url": f"{self._public_url}/agent/embed/#claim={token}", "token": token, "expires_s": expires_s}


def _verifier(settings: TaskAcdSettings, secret: str) -> Verifier:
    former = settings.former_secret.get_secret_value()
    if any(len(each.encode()) < LEAST_SECRET_BYTES for each in (secret, former) if each):
        raise SetupError(
            "secret_short", f"acds.{settings.name}.incoming_secret needs at least {LEAST_SECRET_BYTES} bytes."
        )
    match settings.incoming_auth:
        case "signature":
            secrets = {settings.incoming_key_id: secret} | ({settings.former_key_id: former} if former else {})
            return SignatureVerifier(secrets, settings.replay_window.total_seconds())
        case "twilio":
            return TwilioVerifier(secret)
        case "header":
            return HeaderVerifier(settings.incoming_header, [secret, *([former] if former else [])])


def _secret(acd: str, name: str, given: SecretStr, file: Path | None) -> str:
    if file is None:
        return given.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SetupError("secret_file", f"acds.{acd}.{name}_file can't be read: {why}.") from error


class TasksForSignaling:
    """`signaling.ports.TaskAcds` over the adapters of this node."""

    def __init__(self, acds: Mapping[str, TaskAcd], store: LetterStore, audit: AuditPort) -> None:
        self._acds = dict(acds)
        self._store = store
        self._audit = audit

    def receive(self, acd: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        adapter = self._acds.get(acd)
        if adapter is None:
            raise _nothing_here()
        adapter.receive(url, headers, body)

    async def dead_letters(self, limit: int) -> Sequence[Mapping[str, object]]:
        return [_shown(letter) for letter in await self._store.dead(min(limit, MAX_LETTERS))]

    async def retry_letter(self, letter_id: str, *, by: str) -> None:
        letter = await self._dead(letter_id)
        adapter = self._acds.get(letter.acd)
        if adapter is None:
            raise StateConflict("acd_not_here", "The settings have no such ACD any more: this can only be dropped.")
        await self._audit(by, "letter_retried", letter_id, {"acd": letter.acd, "command": letter.command.value})
        adapter.again(letter)

    async def drop_letter(self, letter_id: str, *, by: str) -> None:
        letter = await self._dead(letter_id)
        await self._audit(by, "letter_dropped", letter_id, {"acd": letter.acd, "command": letter.command.value})
        await self._store.drop_letter(letter_id)

    async def _dead(self, letter_id: str) -> Letter:
        letter = await self._store.dead_one(letter_id)
        if letter is None:
            raise _nothing_here()
        return letter


def coming_from(
    acds: Mapping[str, TaskAcd], caught_up: Callable[[ContactId], Awaitable[None]]
) -> Callable[[PanelSeat], Awaitable[None]]:
    """`comes` of `PanelsForSignaling`: what its ACD gives to the seat's agent is theirs when they are here."""

    async def comes(seat: PanelSeat) -> None:
        acd = acds.get(seat.acd)
        if acd is not None and acd.panel_opens(seat):
            await caught_up(seat.contact_id)

    return comes


def _shown(letter: Letter) -> Mapping[str, object]:
    """Nothing of what it says of the customer."""
    return {
        "id": letter.letter_id,
        "acd": letter.acd,
        "contact_id": letter.contact_id if letter.contact_id.startswith("ct_") else None,
        "command": letter.command.value,
        "cause": letter.cause,
        "tries": letter.tries,
        "created_at": letter.created_at.isoformat(),
        "dead_at": letter.dead_at.isoformat() if letter.dead_at is not None else None,
    }


def _nothing_here() -> NotFound:
    return NotFound("not_found", "There is nothing here.")
