"""The real servers, one of each for the whole session."""

from tests.support.servers import own_redis_server, postgres_server, redis_server

__all__ = ["own_redis_server", "postgres_server", "redis_server"]
