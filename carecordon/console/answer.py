"""An answer in the form that was asked for: JSON, JSON lines or CSV; one that was cut says so in each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never
from urllib.parse import urlencode

import orjson
from fastapi import HTTPException, Request, Response

from carecordon.report.cells import BYTE_ORDER_MARK, cell, cell_text, line, safe_line

Row = dict[str, Any]
CUT, AFTER = "carecordon-cut", "carecordon-after"
"""The headers of an answer that was cut: why, and what to ask with for the rows behind it, as a query has it."""


class Form(StrEnum):
    """The forms, by the name that `format=` takes."""

    JSON = "json"
    LINES = "jsonl"
    CSV = "csv"


TYPES = {
    Form.JSON: "application/json",
    Form.LINES: "application/x-ndjson",
    Form.CSV: "text/csv",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows, with all names that a row may have in order; `cut` why there are more than these, '' if there are none.

    `after` is what to ask with for the rows behind these, by the name of the parameter.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    cut: str = ""
    after: tuple[str, str] | None = None


def form_of(request: Request) -> Form:
    """Return the form that is asked for, by `format=` or by `Accept`. Raises HTTPException for one that is none."""
    asked = request.query_params.get("format")
    if asked is not None:
        try:
            return Form(asked)
        except ValueError:
            raise HTTPException(400, f"query `format`: {asked[:20]} is none; give json, jsonl or csv") from None
    accepted = request.headers.get("accept", "")
    for part in accepted.split(",")[:20]:
        wanted = part.partition(";")[0].strip().lower()
        for form, mime in TYPES.items():
            if wanted == mime:
                return form
    return Form.JSON


def respond(request: Request, answer: Answer) -> Response:
    """Return the answer as a response."""
    form = form_of(request)
    headers = {CUT: _header(answer.cut)} if answer.cut else {}
    if answer.after is not None:
        headers[AFTER] = urlencode([answer.after])
    if form is Form.CSV:
        headers["content-disposition"] = 'attachment; filename="carecordon.csv"'
    return Response(_written(form, answer), media_type=TYPES[form], headers=headers)


def encoded(item: Any) -> bytes:
    """Return anything that endpoints tell as JSON; what JSON cannot hold is told as text."""
    try:
        return orjson.dumps(item, default=_other, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_sayable(item), default=_other, option=orjson.OPT_NON_STR_KEYS)


def _written(form: Form, answer: Answer) -> bytes:
    match form:
        case Form.JSON:
            return _json(answer)
        case Form.LINES:
            return b"".join(_lines(answer))
        case Form.CSV:
            return "".join(_csv(answer)).encode("utf-8", "backslashreplace")
    assert_never(form)


def _json(answer: Answer) -> bytes:
    return encoded({"rows": answer.rows, **_whole(answer)})


def _lines(answer: Answer) -> Iterable[bytes]:
    for row in answer.rows:
        yield encoded(row) + b"\n"
    if answer.cut:
        yield encoded(_whole(answer)) + b"\n"


def _whole(answer: Answer) -> Row:
    """Return what is said beside the rows."""
    told: Row = {"is_cut": bool(answer.cut), "cut": answer.cut or None}
    return told if answer.after is None else told | {"after": dict([answer.after])}


def _csv(answer: Answer) -> Iterable[str]:
    columns = answer.columns or (("cut",) if answer.cut else ())  # what was stopped at once has none
    yield BYTE_ORDER_MARK + line(map(cell, columns))  # names of fields are the sender's, as values are
    for row in answer.rows:
        yield safe_line(columns, {name: _cell(row.get(name)) for name in columns})
    if answer.cut:
        yield safe_line(columns, {columns[0]: f"({answer.cut})"})


def _cell(value: Any) -> str:
    match value:
        case dict():
            return encoded(value).decode()
        case list() | tuple():
            return ", ".join(_cell(item) for item in value)
    return cell_text(value)


def _header(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:200]


def _other(item: Any) -> Any:
    return str(item)


def _sayable(item: Any) -> Any:
    match item:
        case str():
            return item.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {str(_sayable(key)): _sayable(value) for key, value in item.items()}
        case list() | tuple():
            return [_sayable(value) for value in item]
        case int() if not -(2**63) <= item < 2**64:
            return str(item)
    return item
