"""Results written into files: new ones only, since what is there already may be evidence."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from carecordon.cli.options import fail
from carecordon.model.result import Result
from carecordon.report.format import Format, View

EXISTS = "exists already, and is not overwritten: name another file, or delete that one"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form of the result, the option that asks for it and the file that it goes into."""

    option: str
    path: Path
    form: Format


def check_new(sheets: list[Sheet]) -> None:
    """End with status 2 where a file is there already, evidence perhaps, cannot be made, or is named twice."""
    for sheet in sheets:
        named = f"{sheet.option} {sheet.path}"
        if os.path.lexists(sheet.path):
            fail(f"{named}: {EXISTS}")
        folder = sheet.path.parent
        if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises where a folder above may not be looked into
            fail(f"{named}: cannot be written: {os.strerror(errno.ENOENT)}; name a folder that exists")
        if not os.access(folder, os.W_OK):
            fail(f"{named}: cannot be written: {os.strerror(errno.EACCES)}; name a folder that you may write to")
        if any(other is not sheet and other.path == sheet.path for other in sheets):
            fail(f"{named}: named twice; each form needs a file of its own")


def write(sheet: Sheet, result: Result, view: View) -> str | None:
    """Write the result into a new file; return why it is not in it, or not all."""
    try:
        with sheet.path.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.writelines(sheet.form.tell(result, view))
    except FileExistsError:
        return EXISTS
    except OSError as error:
        return f"cannot be written: {error.strerror}; what is in it is not all"
    return None
