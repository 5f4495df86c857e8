"""Links for a time, for an agent or a queue, made by agents or by other systems."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import UTCDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("links") as links:
        links.add_column(sa.Column("made_by", sa.Text, nullable=False, server_default=""))
        links.add_column(sa.Column("queue", sa.Text, nullable=False, server_default="by-link"))
        links.add_column(sa.Column("opens_at", UTCDateTime))
    op.execute("UPDATE links SET made_by = agent_id, opens_at = made_at")
    with op.batch_alter_table("links") as links:
        links.alter_column("agent_id", existing_type=sa.Text, nullable=True)
        links.alter_column("opens_at", existing_type=UTCDateTime, nullable=False)
        links.drop_index("ix_links_agent_id")
        links.create_index("ix_links_made_by", ["made_by", "closes_at"])
