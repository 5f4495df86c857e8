"""Run by alembic: migrates over the connection that `gateway.records.migrate` hands in, in one transaction."""

from alembic import context

from gateway.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by rebuilding the table
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
