"""Links that bring a customer into a video call."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import UTCDateTime

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("link_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("pin_digest", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("agent_name", sa.Text, nullable=False),
        sa.Column("made_at", UTCDateTime, nullable=False),
        sa.Column("closes_at", UTCDateTime, nullable=False),
        sa.Column("openings", sa.Integer, nullable=False),
        sa.Column("wrong_pins", sa.Integer, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("link_id", name="pk_links"),
        sa.UniqueConstraint("digest", name="uq_links_digest"),
    )
    op.create_index("ix_links_agent_id", "links", ["agent_id", "closes_at"])
    op.create_index("ix_links_closes_at", "links", ["closes_at"])
