"""Every step that the tables of the register have gone through, in order: alembic reads this folder."""
