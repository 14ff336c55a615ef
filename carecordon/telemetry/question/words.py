"""A question's words, counted before it is read, and held against the closed lists once more after it was rebuilt."""

from __future__ import annotations

import re

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from carecordon.telemetry.question.functions import FUNCTIONS, KEYWORDS, TYPES

DIALECT = "clickhouse"
MAX_CHARACTERS = 20_000
MAX_TOKENS = 1_500
MAX_DEPTH = 12
MAX_BRACKETS_ON = 12
"""How often brackets may follow on brackets (`a[1][2]`): the parser takes the square of their number."""
ORDINARY_CASE = {name.lower(): name for name in FUNCTIONS}
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSE = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})


def too_large(sql: str) -> str | None:
    """Return why a question is not even read; None where it may be."""
    if len(sql) > MAX_CHARACTERS:
        return f"it has {len(sql)} characters, at most {MAX_CHARACTERS} are taken"
    if "\0" in sql:
        return "it has a zero byte"
    tokens = sqlglot.tokenize(sql, dialect=DIALECT)
    if len(tokens) > MAX_TOKENS:
        return f"it has {len(tokens)} words, at most {MAX_TOKENS} are taken"
    depth = brackets_on = 0
    for place, token in enumerate(tokens):
        depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        if depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} deep; ask in several smaller questions"
        follows = token.token_type is TokenType.L_BRACKET and place > 0
        brackets_on += follows and tokens[place - 1].token_type is TokenType.R_BRACKET
    if brackets_on > MAX_BRACKETS_ON:
        return f"brackets follow on brackets more than {MAX_BRACKETS_ON} times; ask in several smaller questions"
    return None


def unknown_word(text: str) -> str | None:
    """Return the first word of what was made that is on no list, whatever the parser's own idea of it was."""
    tokens = sqlglot.tokenize(text, dialect=DIALECT)
    for place, token in enumerate(tokens):
        follows = tokens[place + 1].token_type if place + 1 < len(tokens) else None
        if token.token_type is TokenType.SEMICOLON or not _is_known(token, is_call=follows is TokenType.L_PAREN):
            return token.text
    return None


def _is_known(token: Token, *, is_call: bool) -> bool:
    if token.token_type in (TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER):
        return True
    word = token.text
    if not re.search(r"[A-Za-z_@#$?:{}\\`]", word):
        return True
    if KEYWORDS.issuperset(word.upper().split()):
        return True
    if is_call:
        return word.lower() in ORDINARY_CASE or word == "DateTime64"
    return word in TYPES
