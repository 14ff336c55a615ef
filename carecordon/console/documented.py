"""The OpenAPI document: what can be asked, in which forms it comes, and which role it takes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from carecordon.console.answer import TYPES

ROWS = {
    "type": "object",
    "required": ["rows", "is_cut", "cut"],
    "properties": {
        "rows": {"type": "array", "items": {"type": "object"}},
        "is_cut": {"type": "boolean", "description": "There is more than these rows."},
        "cut": {"type": ["string", "null"], "description": "Why there is more."},
        "after": {"type": "object", "description": "What to ask with for the rows behind these."},
    },
}
PROBLEM = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
REFUSALS = {
    "401": "Nobody knows who calls.",
    "403": "This takes another role.",
    "404": "There is no such thing.",
    "422": "The query or the body does not fit: where, what, and what would be taken.",
    "503": "Something that the answer rests on is away; nothing was done.",
}
FORMAT = {
    "name": "format",
    "in": "query",
    "required": False,
    "description": "The form of the answer, before what `Accept` says.",
    "schema": {"type": "string", "enum": ["json", "jsonl", "csv"]},
}


def documented(app: FastAPI) -> None:
    """Let the application's document say what the functions' types do not."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain())
        return plain()

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI's own way of changing it


def _complete(document: dict[str, Any]) -> None:
    document.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    for methods in document["paths"].values():
        for operation in methods.values():
            form = operation.get("x-form", "object")
            if form == "rows":
                operation.setdefault("parameters", []).append(FORMAT)
            operation["responses"]["200"] = {"description": "The answer.", "content": _content(form)}
            operation["responses"].pop("422", None)  # the framework's own, of another shape than ours
            for status, says in REFUSALS.items():
                content = {"application/json": {"schema": PROBLEM}}
                operation["responses"].setdefault(status, {"description": says, "content": content})


def _content(form: str) -> dict[str, Any]:
    match form:
        case "rows":
            schemas = {"application/json": ROWS}
            return {mime: {"schema": schemas.get(mime, {"type": "string"})} for mime in TYPES.values()}
        case "text":
            return {"text/plain": {"schema": {"type": "string"}}}
        case "stream":
            return {"application/x-ndjson": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"type": "object"}}}
