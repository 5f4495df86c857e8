"""Customers: how they are known, who is here now, and the timeline of what was done for them."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import SmallJson, UTCDateTime

revision = "0007"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_contacts_ended_at", "contacts", ["ended_at"])
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_folded", sa.Text, nullable=False),
        sa.Column("known_by", sa.Text, nullable=False),
        sa.Column("first_at", UTCDateTime, nullable=False),
        sa.Column("last_at", UTCDateTime, nullable=False),
        sa.Column("merged_into", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customers"),
    )
    op.create_index("ix_customers_last_at_customer_id", "customers", ["last_at", "customer_id"])
    op.create_index("ix_customers_name_folded", "customers", ["name_folded"])
    op.create_index("ix_customers_merged_into", "customers", ["merged_into"])
    op.create_table(
        "customer_keys",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_customer_keys"),
    )
    op.create_index("ix_customer_keys_customer_id", "customer_keys", ["customer_id"])
    op.create_table(
        "customer_visits",
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("identity", SmallJson),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("page_url", sa.Text, nullable=False),
        sa.Column("page_title", sa.Text, nullable=False),
        sa.Column("form", SmallJson, nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name="pk_customer_visits"),
    )
    op.create_index("ix_customer_visits_customer_id", "customer_visits", ["customer_id"])
    op.create_index("ix_customer_visits_at", "customer_visits", ["at"])
    op.create_table(
        "customer_timeline",
        sa.Column("interaction_id", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("segment", sa.Integer, nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("queue", sa.Text),
        sa.Column("agent_id", sa.Text),
        sa.Column("started_at", UTCDateTime, nullable=False),
        sa.Column("ended_at", UTCDateTime, nullable=False),
        sa.Column("end_reason", sa.Text),
        sa.Column("wait_s", sa.Float),
        sa.Column("talk_s", sa.Float, nullable=False),
        sa.Column("hold_s", sa.Float, nullable=False),
        sa.Column("wrap_up_s", sa.Float, nullable=False),
        sa.Column("disposition", sa.Text),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("menu_path", SmallJson, nullable=False),
        sa.Column("identity", SmallJson),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("page_url", sa.Text, nullable=False),
        sa.Column("page_title", sa.Text, nullable=False),
        sa.Column("form", SmallJson, nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("delivery_due_at", UTCDateTime),
        sa.Column("delivery_first_at", UTCDateTime),
        sa.Column("delivery_attempts", sa.Integer, nullable=False),
        sa.Column("delivery_error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_customer_timeline"),
    )
    op.create_index(
        "ix_customer_timeline_customer_id_started_at_interaction_id",
        "customer_timeline",
        ["customer_id", "started_at", "interaction_id"],
    )
    op.create_index("ix_customer_timeline_contact_id", "customer_timeline", ["contact_id"])
    op.create_index("ix_customer_timeline_ended_at", "customer_timeline", ["ended_at"])
    op.create_index(
        "ix_customer_timeline_delivery_delivery_due_at", "customer_timeline", ["delivery", "delivery_due_at"]
    )
