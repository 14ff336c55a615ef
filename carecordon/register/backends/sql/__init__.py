"""The register's doors in SQL: what any database that SQLAlchemy speaks to can do, and SQLite does today."""
