"""The table of jobs and the type of its status."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Written out, not imported from the code: a migration stays what it was when the code moves on.
_STATUS = sa.Enum("pending", "running", "completed", "failed", name="job_status")


def upgrade() -> None:
    """Make the type and the table."""
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("status", _STATUS, nullable=False),
        sa.Column("pipeline_id", sa.String(), nullable=False),
        sa.Column("input_path", sa.String(), nullable=False),
        sa.Column("output_path", sa.String(), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job_id"),
    )


def downgrade() -> None:
    """Drop both, and with them every job."""
    op.drop_table("jobs")
    _STATUS.drop(op.get_bind(), checkfirst=True)
