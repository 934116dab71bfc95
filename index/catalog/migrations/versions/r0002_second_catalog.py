"""Epochs and the library's id; videos that are stale."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep everything that is there."""
    op.add_column("library", sa.Column("library_id", sa.String, nullable=False, server_default=""))
    op.add_column("library", sa.Column("epoch", sa.String, nullable=False, server_default=""))
    drawn = {"library_id": uuid.uuid4().hex, "epoch": uuid.uuid4().hex}
    op.get_bind().execute(
        sa.text("UPDATE library SET library_id = :library_id, epoch = :epoch"), drawn
    )
    with op.batch_alter_table("library") as library:
        library.alter_column("library_id", server_default=None)
        library.alter_column("epoch", server_default=None)
    op.create_table(
        "epochs",
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.String, nullable=False),
    )
    op.execute("INSERT INTO epochs (generation, epoch) SELECT generation, epoch FROM library")
    op.add_column("videos", sa.Column("stale_reason", sa.String))
    op.add_column("videos", sa.Column("stale_since", sa.Double))


def downgrade() -> None:
    """Forget what is stale, and by which word each generation goes."""
    op.drop_column("videos", "stale_since")
    op.drop_column("videos", "stale_reason")
    op.drop_table("epochs")
    op.drop_column("library", "epoch")
    op.drop_column("library", "library_id")
