"""Recordings."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import BigCount, SmallJson, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("notice_version", sa.Text, nullable=False),
        sa.Column("requested_at", UTCDateTime, nullable=False),
        sa.Column("started_at", UTCDateTime),
        sa.Column("ended_at", UTCDateTime),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("truncated_reason", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("container", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", BigCount, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("completeness", sa.Float),
        sa.Column("tracks", SmallJson, nullable=False),
        sa.Column("views", SmallJson, nullable=False),
        sa.Column("marks", SmallJson, nullable=False),
        sa.PrimaryKeyConstraint("recording_id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_contact_id", "recordings", ["contact_id"])
    op.create_index("ix_recordings_state", "recordings", ["state"])
