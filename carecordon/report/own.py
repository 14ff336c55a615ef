r"""Which words of a sentence are ours: they stay, though somebody should be called so.

A sentence of ours has data put into it. In a story all data stands in backticks, in a reason
it stands in quotes, in a path, or as a word by itself. So a word is ours if it is one that we
say, and stands as prose has it: between spaces, in no quotes, no part of a path or of
`DOMAIN\name`. Titles of rules and names of logs are ours wherever no quotes or backticks hold
more than them. What it can miss: data that is one word of ours and stands alone, unquoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W_]+")
_TERM = r"[^\W\d_]+(?:[-'][^\W\d_]+)*"
"""A word of prose: `start-up` and `nobody's` are one."""
_TERMS = re.compile(_TERM)
_PROSE = re.compile(rf"(?<![^\s(]){_TERM}(?=$|[\s)]|[,;:.?!](?:$|[\s)]))")
_QUOTED = re.compile(r"`[^`]*(?:`|$)|(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"")
_LOG_IN_BACKTICKS = re.compile(r"\blog `([^`]*)`")
_REASON_WORDS = """
action address advanced after again against aggregations alias aliases all already an and anew anonymous another any
apart applied archive archive's are around as ascii ask asks at authority away back back-references bad base be became
become before begins behind belongs beside between bind bitlocker body bracket brackets broader broke but by bytes
bzip cabinet came can cannot carried carries category change changed changes characters check checksum chunk chunks
circle class cleared client clock closed closing column columns commas compared compares comparison comparisons
compressed condition contains convert copy correlate correlated correlation correlations correlator could counting
counts csv cut damaged dashes data database date dates declares decrypt deep deeper deeply defender deflate detection
device devices died differs digits directory disk distinct dll dns do document documents does done dormant driver
dropped dropping each early elements empty encase encode encrypted end ended ends entities equal escape event events
every evtx exe exists expected export-log expression failed false fast few fewer ff field fields file files filter
filter's filtered fire firewall firing first fit folder follow followed font for forgotten found from full further
gaps generate gib give go goes grew group group-by groups gte hand hardened has hash header held here history hive
hold holds host how id ids ignored iis image impact in incidents input inside insist instance invalid is it its json
judged keep kept kernel key keyword known lacks large larger largest late later leads least leave leaves level levels
lies like line linear link list listed lists local log logon logons logs logsource long longer look look-around looks
lost low lz make makes management manager many map mapping mappings marks match matched matches may member members
memory mend merges method mib microsoft missing mode modifier modifiers more most much must name named names near-miss
needed needs neither neq nested nests network networks no none nor not noted nothing noticed nowhere nt null number
numbers object objects of off older oldest on once one only open operational operator or ordered other others out over
overwritten own pack packaged packed parser part pattern patterns pdf percentile picture place placeholder
placeholders places plain platform policy positions powershell process processes product program proof put quotes rar
rarest re read reading record records refer reference refers refused registry regular remembered repeat repetition
repetitions rule rules run save say says scan script second security seen selection selections separate sequence serve
server service set several shape short shorten shorter should sigma since size skipped so sort source special spelling
split sqlite stand standard stands starts state steps stopped stories stream such system tag take takes tar techniques
tell temporary text texts than that the their them themselves there these they things this those time timeframe times
timespan title to together told too took tree triage true twice type types under unit unknown unnamed unnoticed unpack
unpacks use user utf valid value values vanished verdict version's virtual was we were wevtutil what when where which
while who whole wildcards window windows with within without words worst write written xml xp xz yaml yet yml zero zip
zstd
"""
"""The words of reasons: of blind spots, of links and scores, and of rules that are refused."""


class Own:
    """The program's own words, the titles of rules and the names of logs."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """Know the words of reasons and those of the given texts."""
        self._words: set[str] = set()
        self._phrases: dict[str, set[str]] = {}
        self.add((_REASON_WORDS, *texts))

    def add(self, texts: Iterable[str]) -> None:
        """Know the words of the texts."""
        self._words.update(word.lower() for text in texts for word in _TERMS.findall(text))

    def spare(self, phrase: str) -> None:
        """Remember a title of a rule or the name of a log."""
        if first := _WORD.search(phrase):
            self._phrases.setdefault(first[0], set()).add(phrase)

    def is_phrase(self, text: str) -> bool:
        """Say whether the text is a title or a log, and nothing else."""
        first = _WORD.search(text)
        return first is not None and text in self._phrases.get(first[0], ())

    def starts(self, text: str) -> frozenset[int]:
        """Return where in a sentence words start that are ours."""
        spans = [*self._prose(text), *self._found(text)]
        return frozenset(word.start() for start, end in spans for word in _WORD.finditer(text, start, end))

    def _prose(self, text: str) -> Iterator[tuple[int, int]]:
        over = [found.span() for found in _QUOTED.finditer(text)]
        for found in _PROSE.finditer(text):
            is_quoted = any(start <= found.start() < end for start, end in over)
            if not is_quoted and found[0].lower() in self._words:
                yield found.span()

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield titles and logs: outside backticks, or as the log that a story names in them."""
        for log in _LOG_IN_BACKTICKS.finditer(text):
            if self.is_phrase(log[1]):
                yield log.span(1)
        shown = re.sub(r"`[^`]*(?:`|$)", lambda found: " " * len(found[0]), text)
        for word in _WORD.finditer(shown):
            for phrase in self._phrases.get(word[0], ()):
                start = word.start() - phrase.index(word[0])
                end = start + len(phrase)
                if start >= 0 and shown.startswith(phrase, start) and _is_apart(shown, start, end):
                    yield start, end


def _is_apart(text: str, start: int, end: int) -> bool:
    """Say whether a part of a text is no part of a longer name or path."""
    before, after = text[max(0, start - 1) : start], text[end : end + 2]
    return not re.match(r"[\w\\/.@-]", before) and not re.match(r"[\w\\/@-]|\.\w", after)
