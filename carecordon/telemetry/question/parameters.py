"""Values beside a question, `{name:Type}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Parameter = str | int | Sequence[str] | Sequence[int]
Parameters = Mapping[str, Parameter]
