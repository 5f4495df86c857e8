"""What customers and agents write to each other, and its place in the timeline of customers."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import SmallJson, UTCDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_lines",
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "number", name="pk_chat_lines"),
    )
    op.create_index("ix_chat_lines_at", "chat_lines", ["at"])
    with op.batch_alter_table("customer_timeline") as timeline:
        timeline.add_column(sa.Column("chat", SmallJson, nullable=False, server_default="[]"))
        timeline.alter_column("chat", server_default=None)
