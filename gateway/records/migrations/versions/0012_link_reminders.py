"""When another system is reminded of a link, and how often that was tried."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("links") as links:
        links.add_column(sa.Column("remind_at", UTCDateTime))
        links.add_column(sa.Column("reminders", sa.Integer, nullable=False, server_default="0"))
        links.create_index("ix_links_remind_at", ["remind_at"])
