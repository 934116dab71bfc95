"""Parts instead of snapshots; epochs and the library's id; videos that are stale."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep all videos and vectors; snapshots go, the next publish writes parts."""
    op.add_column("library", sa.Column("library_id", sa.String, nullable=False, server_default=""))
    op.add_column("library", sa.Column("epoch", sa.String, nullable=False, server_default=""))
    drawn = {"library_id": uuid.uuid4().hex, "epoch": uuid.uuid4().hex}
    op.get_bind().execute(
        sa.text("UPDATE library SET library_id = :library_id, epoch = :epoch"), drawn
    )
    with op.batch_alter_table("library") as library:
        library.alter_column("library_id", server_default=None)
        library.alter_column("epoch", server_default=None)
        library.drop_column("tombstones_since")
    op.create_table(
        "epochs",
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.String, nullable=False),
    )
    op.execute("INSERT INTO epochs (generation, epoch) SELECT generation, epoch FROM library")
    op.add_column("videos", sa.Column("stale_reason", sa.String))
    op.add_column("videos", sa.Column("stale_since", sa.Double))
    op.create_index("ix_embeddings_first_segment_id", "embeddings", ["first_segment_id"])
    for table in ("segments", "embeddings"):  # what is newer is asked for by id
        op.drop_index(f"ix_{table}_generation", table)
    op.drop_table("snapshots")
    op.create_table(
        "parts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("parameters", sa.String, nullable=False),
        sa.Column("first_segment_id", sa.Integer, nullable=False),
        sa.Column("last_segment_id", sa.Integer, nullable=False),
        sa.Column("num_rows", sa.Integer, nullable=False),
        sa.Column("recall", sa.Double),
        sa.Column("checksum", sa.String, nullable=False),
        sa.Column("damaged", sa.Boolean, nullable=False),
        sa.CheckConstraint("first_segment_id <= last_segment_id", name="some_range"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the parts; a snapshot is made by the next publish of the older program."""
    op.drop_table("parts")
    op.drop_index("ix_embeddings_first_segment_id", "embeddings")
    for table in ("segments", "embeddings"):
        op.create_index(f"ix_{table}_generation", table, ["generation"])
    op.create_table(
        "snapshots",
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("num_segments", sa.Integer, nullable=False),
        sa.Column("checksum", sa.String, nullable=False),
    )
    op.drop_column("videos", "stale_since")
    op.drop_column("videos", "stale_reason")
    op.drop_table("epochs")
    op.drop_column("library", "epoch")
    op.drop_column("library", "library_id")
    op.add_column(
        "library", sa.Column("tombstones_since", sa.Integer, nullable=False, server_default="0")
    )
    op.execute("UPDATE library SET tombstones_since = generation")
