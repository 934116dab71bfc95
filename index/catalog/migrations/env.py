"""What Alembic runs to migrate a catalog, on the connection that `catalog.connection` hands in."""

from alembic import context

from index.catalog.tables import CatalogTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=CatalogTable.metadata,
    # SQLite can roll back DDL; with this a migration that is killed leaves the older schema whole.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
