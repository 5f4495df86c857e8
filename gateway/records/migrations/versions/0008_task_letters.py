"""Task mode: commands on their way to an ACD, and the tasks that are open there."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import SmallJson, UTCDateTime

revision = "0008"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "task_letters",
        sa.Column("letter_id", sa.Text, nullable=False),
        sa.Column("acd", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("data", SmallJson, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("dead_at", UTCDateTime),
        sa.PrimaryKeyConstraint("letter_id", name="pk_task_letters"),
    )
    op.create_index("ix_task_letters_acd_node", "task_letters", ["acd", "node"])
    op.create_index("ix_task_letters_dead_at", "task_letters", ["dead_at"])
    op.create_table(
        "task_rows",
        sa.Column("acd", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("taken", sa.Boolean, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("task", SmallJson, nullable=False),
        sa.PrimaryKeyConstraint("acd", "contact_id", name="pk_task_rows"),
    )
