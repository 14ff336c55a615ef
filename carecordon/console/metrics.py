"""The hub's figures for Prometheus: what its processes say of themselves, and what stands in the register."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from carecordon.hub.crew import Member, State

NS = 1_000_000_000
PREFIX = "carecordon"
_TOTAL = "_total"
_UNFIT = re.compile(r"[^a-z0-9_]")


def metrics(members: Iterable[Member], register: Mapping[str, Mapping[str, int]]) -> bytes:
    """Return the exposition. `register`: for each thing that is counted its states and how many are in each."""
    registry = CollectorRegistry()
    registry.register(_Told(list(members), register))
    return generate_latest(registry)


class _Told(Collector):
    """One reading of the figures."""

    def __init__(self, members: list[Member], register: Mapping[str, Mapping[str, int]]) -> None:
        self._members = members
        self._register = register

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the names depend on what the processes say."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        up = GaugeMetricFamily(f"{PREFIX}_process_up", "1 while the process speaks", labels=["process"])
        age = GaugeMetricFamily(
            f"{PREFIX}_process_start_time_seconds", "when the process started, since 1970", labels=["process"]
        )
        for one in self._members:
            up.add_metric([one.name], float(one.state is State.ALIVE))
            if one.pulse is not None:
                age.add_metric([one.name], one.pulse.started / NS)
        yield from (up, age)
        yield from self._figures()
        for thing, states in self._register.items():
            family = GaugeMetricFamily(f"{PREFIX}_{thing}", f"{thing} in the register by state", labels=["state"])
            for state, count in states.items():
                family.add_metric([state], count)
            yield family

    def _figures(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for pulse in [one.pulse for one in self._members if one.pulse is not None]:
            for figure, value in pulse.figures.items():
                name = f"{PREFIX}_hub_{_UNFIT.sub('_', figure.lower())}"
                family = families.get(name)
                if family is None:
                    make = CounterMetricFamily if figure.endswith(_TOTAL) else GaugeMetricFamily
                    family = families[name] = make(name, f"{figure}, as the process says", labels=["process"])
                family.add_metric([pulse.name], value)
        yield from families.values()
