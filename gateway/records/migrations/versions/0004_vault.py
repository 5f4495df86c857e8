"""The vault: keys, sealed files, the chain of manifests, holds and receipts."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import BigCount, UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recording_keys",
        sa.Column("recording_id", sa.Text, nullable=False),
        sa.Column("master_key", sa.Text, nullable=False),
        sa.Column("wrapped", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("recording_id", name="pk_recording_keys"),
    )
    op.create_index("ix_recording_keys_master_key", "recording_keys", ["master_key"])
    op.create_table(
        "recording_files",
        sa.Column("recording_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("plain_bytes", BigCount, nullable=False),
        sa.Column("plain_sha256", sa.Text, nullable=False),
        sa.Column("sealed_bytes", BigCount, nullable=False),
        sa.Column("sealed_sha256", sa.Text, nullable=False),
        sa.Column("stored", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "name", name="pk_recording_files"),
    )
    op.create_table(
        "recording_manifests",
        sa.Column("seq", BigCount, nullable=False, autoincrement=False),
        sa.Column("recording_id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_recording_manifests"),
    )
    op.create_index("ix_recording_manifests_recording_id", "recording_manifests", ["recording_id"])
    op.create_table(
        "recording_holds",
        sa.Column("hold_id", sa.Text, nullable=False),
        sa.Column("recording_id", sa.Text, nullable=False),
        sa.Column("placed_by", sa.Text, nullable=False),
        sa.Column("placed_at", UTCDateTime, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_at", UTCDateTime),
        sa.PrimaryKeyConstraint("hold_id", name="pk_recording_holds"),
    )
    op.create_index("ix_recording_holds_recording_id", "recording_holds", ["recording_id"])
    op.create_table(
        "erasure_receipts",
        sa.Column("receipt_id", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_erasure_receipts"),
    )
    op.create_index("ix_recordings_ended_at", "recordings", ["ended_at"])
    op.create_index("ix_recordings_requested_at_recording_id", "recordings", ["requested_at", "recording_id"])
