"""Several models side by side; roots, collections, metadata, facts and texts."""

import os
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from index.catalog.texts import words_of_name

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_VIDEO = "videos.number"


def upgrade() -> None:
    """Keep all videos and vectors; the library's model becomes the first of its models.

    There is no way back: an older program cannot tell the vectors of several models apart.
    """
    _create_models()
    _create_embedded_videos()
    _widen_embeddings()
    _widen_videos()
    _create_collections()
    _create_metadata()
    _create_texts()
    _name_videos()


def _create_models() -> None:
    op.create_table(
        "models",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("embed_dim", sa.Integer, nullable=False),
        sa.Column("window_seconds", sa.Double, nullable=False),
        sa.Column("hop_seconds", sa.Double, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("last_segment_id", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('building', 'ready')", name="known_state"),
        sa.UniqueConstraint("fingerprint", "window_seconds", "hop_seconds"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO models SELECT 1, model, fingerprint, embed_dim, window_seconds, hop_seconds,"
        " 'ready', created_at,"
        " max(coalesce((SELECT max(id) FROM segments), 0),"
        "     coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'segments'), 0))"
        " FROM library"
    )
    op.rename_table("library", "library_before")
    op.create_table(
        "library",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("library_id", sa.String, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("epoch", sa.String, nullable=False),
        sa.Column("model_number", sa.Integer, sa.ForeignKey("models.number"), nullable=False),
        sa.Column("previous_model_number", sa.Integer, sa.ForeignKey("models.number")),
        sa.CheckConstraint("id = 1", name="one_library"),
    )
    op.execute(
        "INSERT INTO library SELECT id, created_at, library_id, generation, epoch, 1, NULL"
        " FROM library_before"
    )
    op.drop_table("library_before")


def _create_embedded_videos() -> None:
    op.create_table(
        "embedded_videos",
        sa.Column(
            "model_number",
            sa.Integer,
            sa.ForeignKey("models.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey(_VIDEO, ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
        sa.Column("num_segments", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO embedded_videos SELECT 1, number, num_segments FROM videos"
        " WHERE state = 'indexed'"
    )


def _widen_embeddings() -> None:
    op.drop_index("ix_embeddings_first_segment_id", "embeddings")
    op.rename_table("embeddings", "embeddings_before")
    op.create_table(
        "embeddings",
        sa.Column("first_segment_id", sa.Integer, primary_key=True),
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey(_VIDEO, ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
    )
    op.execute(
        "INSERT INTO embeddings SELECT first_segment_id, video_number, generation, checksum,"
        " vectors FROM embeddings_before ORDER BY first_segment_id"
    )
    op.drop_table("embeddings_before")


def _widen_videos() -> None:
    op.create_table(
        "roots",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("path", sa.LargeBinary, nullable=False, unique=True),
        sqlite_autoincrement=True,
    )
    op.execute("ALTER TABLE videos ADD COLUMN root_number INTEGER REFERENCES roots (number)")
    op.create_index("ix_videos_root_number", "videos", ["root_number"])
    op.add_column("videos", sa.Column("date", sa.Double, nullable=False, server_default="0"))
    op.execute("UPDATE videos SET date = mtime_ns / 1e9")
    op.add_column("videos", sa.Column("sidecar_stamp", sa.String))
    op.create_index("ix_videos_date", "videos", ["date", "state"])
    op.drop_column("videos", "num_segments")


def _create_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collection_videos",
        sa.Column(
            "collection_number",
            sa.Integer,
            sa.ForeignKey("collections.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey(_VIDEO, ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
    )


def _create_metadata() -> None:
    op.create_table(
        "metadata",
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey(_VIDEO, ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("document", sa.String, nullable=False),
        sa.CheckConstraint("source IN ('container', 'sidecar', 'user')", name="known_source"),
    )
    op.create_table(
        "facts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey(_VIDEO, ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("text_folded", sa.String, nullable=False),
        sa.Column("number", sa.Double),
    )
    op.create_index("ix_facts_text", "facts", ["key", "text_folded", "video_number"])
    op.create_index(
        "ix_facts_number",
        "facts",
        ["key", "number", "video_number"],
        sqlite_where=sa.text("number IS NOT NULL"),
    )


def _create_texts() -> None:
    op.create_table(
        "texts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "video_number",
            sa.Integer,
            sa.ForeignKey(_VIDEO, ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("start_seconds", sa.Double),
        sa.Column("stop_seconds", sa.Double),
        sa.Column("body", sa.String, nullable=False),
        sa.CheckConstraint("kind IN ('title', 'caption', 'transcript', 'name')", name="known_kind"),
    )
    op.create_index("ix_texts_video_number", "texts", ["video_number", "kind"])
    op.execute(
        "CREATE VIRTUAL TABLE texts_fts USING fts5 (body, content='texts', content_rowid='id',"
        ' tokenize="unicode61 remove_diacritics 2")'
    )
    op.execute(
        "CREATE TRIGGER texts_inserted AFTER INSERT ON texts BEGIN"
        " INSERT INTO texts_fts (rowid, body) VALUES (new.id, new.body); END"
    )
    op.execute(
        "CREATE TRIGGER texts_deleted AFTER DELETE ON texts BEGIN"
        " INSERT INTO texts_fts (texts_fts, rowid, body) VALUES ('delete', old.id, old.body); END"
    )
    op.execute(
        "CREATE TRIGGER texts_updated AFTER UPDATE OF body ON texts BEGIN"
        " INSERT INTO texts_fts (texts_fts, rowid, body) VALUES ('delete', old.id, old.body);"
        " INSERT INTO texts_fts (rowid, body) VALUES (new.id, new.body); END"
    )


def _name_videos() -> None:
    connection = op.get_bind()
    videos = connection.execute(
        sa.text("SELECT number, path FROM videos WHERE state = 'indexed'")
    ).all()
    rows = [
        {"number": number, "body": words_of_name(Path(os.fsdecode(path)))}
        for number, path in videos
    ]
    if rows:
        connection.execute(
            sa.text("INSERT INTO texts (video_number, kind, body) VALUES (:number, 'name', :body)"),
            rows,
        )
