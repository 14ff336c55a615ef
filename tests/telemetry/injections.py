"""What somebody might try to get past a question: each has to be refused at every door."""

from __future__ import annotations

from tests.telemetry.expressions import lines_of

INJECTIONS = (*lines_of("injections.sql"), "", ";", "SELECT 1 \0; DROP TABLE events")
