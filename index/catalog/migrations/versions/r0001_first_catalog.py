"""The first catalog: library, videos, segments, embeddings, tombstones, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table of the first catalog."""
    op.create_table(
        "library",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("embed_dim", sa.Integer, nullable=False),
        sa.Column("window_seconds", sa.Double, nullable=False),
        sa.Column("hop_seconds", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("tombstones_since", sa.Integer, nullable=False),
        sa.CheckConstraint("id = 1", name="one_library"),
    )
    _create_videos()
    _create_segments()
    op.create_table(
        "tombstones",
        sa.Column("segment_id", sa.Integer, primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "snapshots",
        sa.Column("generation", sa.Integer, primary_key=True),
        sa.Column("num_segments", sa.Integer, nullable=False),
        sa.Column("checksum", sa.String, nullable=False),
    )


def _create_videos() -> None:
    op.create_table(
        "videos",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("video_id", sa.String, nullable=False, unique=True),
        sa.Column("path", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("path_folded", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content_hash", sa.String, index=True),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("reason", sa.String),
        sa.Column("duration_seconds", sa.Double),
        sa.Column("fps", sa.Double),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("rotation_degrees", sa.Integer),
        sa.Column("sample_aspect_ratio", sa.Double),
        sa.Column("codec", sa.String),
        sa.Column("container", sa.String),
        sa.Column("num_frames", sa.Integer),
        sa.Column("has_audio", sa.Boolean),
        sa.Column("num_segments", sa.Integer, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.CheckConstraint("state IN ('indexed', 'failed')", name="known_state"),
        sa.CheckConstraint("state = 'indexed' OR reason IS NOT NULL", name="failed_for_a_reason"),
        sqlite_autoincrement=True,
    )


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey("videos.number", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("start_seconds", sa.Double, nullable=False),
        sa.Column("stop_seconds", sa.Double, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "embeddings",
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey("videos.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("first_segment_id", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, index=True),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop every table: an empty catalog."""
    for table in ("snapshots", "tombstones", "embeddings", "segments", "videos", "library"):
        op.drop_table(table)
