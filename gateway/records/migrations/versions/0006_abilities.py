"""What agents can: skills with levels, and languages."""

import sqlalchemy as sa
from alembic import op

from gateway.records.columns import SmallJson

revision = "0006"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("accounts") as accounts:
        for name, empty in (("skills", "{}"), ("languages", "[]")):
            accounts.add_column(sa.Column(name, SmallJson, nullable=False, server_default=empty))
            accounts.alter_column(name, server_default=None)
