"""Links that lead back to a place in line."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import SmallJson, UTCDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("links") as links:
        links.add_column(sa.Column("place_of", sa.Text))
        links.add_column(sa.Column("place", SmallJson))
        links.add_column(sa.Column("called_at", UTCDateTime))
        links.add_column(sa.Column("place_end", sa.Text, nullable=False, server_default=""))
        links.create_index("ix_links_place_of", ["place_of"])
