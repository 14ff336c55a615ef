"""The hub's figures for Prometheus: what its processes say of themselves, and what stands in the register."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from carecordon.hub.pulse import Pulse, is_alive

NS = 1_000_000_000
PREFIX = "carecordon"
_TOTAL = "_total"
_UNFIT = re.compile(r"[^a-z0-9_]")


def metrics(pulses: Iterable[Pulse], register: Mapping[str, Mapping[str, int]], now: int) -> bytes:
    """Return the exposition. `register`: for each thing that is counted its states and how many are in each."""
    registry = CollectorRegistry()
    registry.register(_Told(list(pulses), register, now))
    return generate_latest(registry)


class _Told(Collector):
    """One reading of the figures."""

    def __init__(self, pulses: list[Pulse], register: Mapping[str, Mapping[str, int]], now: int) -> None:
        self._pulses = pulses
        self._register = register
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the names depend on what the processes say."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        up = GaugeMetricFamily(f"{PREFIX}_process_up", "1 while the process speaks", labels=["process"])
        age = GaugeMetricFamily(
            f"{PREFIX}_process_start_time_seconds", "when the process started, since 1970", labels=["process"]
        )
        for pulse in self._pulses:
            up.add_metric([pulse.name], float(is_alive(pulse, self._now)))
            age.add_metric([pulse.name], pulse.started / NS)
        yield from (up, age)
        yield from self._figures()
        for thing, states in self._register.items():
            family = GaugeMetricFamily(f"{PREFIX}_{thing}", f"{thing} in the register by state", labels=["state"])
            for state, count in states.items():
                family.add_metric([state], count)
            yield family

    def _figures(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for pulse in self._pulses:
            for figure, value in pulse.figures.items():
                name = f"{PREFIX}_hub_{_UNFIT.sub('_', figure.lower())}"
                family = families.get(name)
                if family is None:
                    make = CounterMetricFamily if figure.endswith(_TOTAL) else GaugeMetricFamily
                    family = families[name] = make(name, f"{figure}, as the process says", labels=["process"])
                family.add_metric([pulse.name], value)
        yield from families.values()
