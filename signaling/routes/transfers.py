"""Where an agent can send the contact they are on."""

from aiohttp import web

from gateway.base.errors import NotAuthorised
from signaling.guards import require_role
from signaling.services import context_of


async def targets(request: web.Request) -> web.Response:
    """`GET /api/v1/transfer-targets`: for an agent: the queues, and the other agents who have a panel here."""
    account = await require_role(request, "agent")
    if account.agent_id is None:
        raise NotAuthorised("not_allowed", "Your account may not do this.")
    found = context_of(request).services.desk.transfer_targets(account.agent_id)
    return web.json_response(
        {
            "queues": [{"id": queue, "name": name} for queue, name in found.queues],
            "agents": [
                {"agent_id": agent.agent_id, "display_name": agent.display_name, "ready": agent.ready}
                for agent in found.agents
            ],
        }
    )


def routes() -> list[web.RouteDef]:
    return [web.get("/api/v1/transfer-targets", targets)]
