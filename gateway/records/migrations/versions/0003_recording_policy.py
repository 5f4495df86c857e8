"""Why a recording was made: its queue, policy, agent, and when and in which language consent was given."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("recordings") as recordings:
        for name in ("queue", "agent_id", "policy", "consent_language"):
            recordings.add_column(sa.Column(name, sa.Text, nullable=False, server_default=""))
            recordings.alter_column(name, server_default=None)
        recordings.add_column(sa.Column("consent_at", UTCDateTime))
