"""`signaling.ports.Accounts` over the account service."""

from collections.abc import Mapping, Sequence

from gateway.accounts import model
from gateway.accounts.service import AccountService
from gateway.base.ids import AgentId
from gateway.base.log import get_logger
from signaling import ports

_log = get_logger("wiring")


def _account(account: model.Account) -> ports.Account:
    return ports.Account(
        account_id=account.account_id,
        name=account.name,
        display_name=account.display_name,
        roles=account.roles,
        agent_id=account.agent_id,
        queues=account.queues,
        canary=account.canary,
        skills=account.skills,
        languages=account.languages,
    )


def _signed_in(signed_in: model.SignedIn) -> ports.SignedIn:
    return ports.SignedIn(token=signed_in.token, account=_account(signed_in.account))


class AccountsForSignaling:
    """`signaling.ports.Accounts` over the account service."""

    def __init__(self, service: AccountService) -> None:
        self._service = service

    async def sign_in(self, name: str, password: str, *, address: str) -> ports.SignedIn:
        return _signed_in(await self._service.sign_in(name, password, address=address))

    async def sign_in_by_link(self, link_token: str, *, address: str) -> ports.SignedIn:
        return _signed_in(await self._service.sign_in_by_link(link_token, address=address))

    async def signed_in(self, token: str, *, in_call: bool = False) -> ports.Account:
        return _account(await self._service.signed_in(token, in_call=in_call))

    async def sign_out(self, token: str) -> None:
        await self._service.sign_out(token)

    async def canary_seat(self, canary_token: str, seat: int) -> ports.SignedIn:
        return _signed_in(await self._service.canary_seat(canary_token, seat))

    async def is_canary(self, canary_token: str) -> bool:
        return await self._service.is_canary(canary_token)

    async def agents(self) -> Sequence[ports.Account]:
        return [_account(account) for account in await self._service.agents()]

    async def change_agent(
        self,
        agent_id: AgentId,
        *,
        queues: Sequence[str],
        skills: Mapping[str, int],
        languages: Sequence[str],
        by: str,
    ) -> ports.Account:
        changed = await self._service.change_agent(agent_id, queues=list(queues), skills=skills, languages=languages)
        _log.info("agent.changed", agent_id=agent_id, by=by)
        return _account(changed)
