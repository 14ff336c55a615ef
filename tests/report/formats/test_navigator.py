"""The layer holds to the published fields of layer format 4.5, and scores what the incidents show."""

from __future__ import annotations

import json
from typing import Any

from carecordon.model.incident import Case
from carecordon.report.format import View
from carecordon.report.formats.navigator import NAVIGATOR
from tests.replacing import replace
from tests.report import outbreak
from tests.report.hostile import SCRIPTS, hostile_result

# Source: mitre-attack/attack-navigator, layers/spec/v4.5/layerformat.md: the properties of a layer, of a technique, …
LAYER = {
    "versions": dict, "name": str, "description": str, "domain": str, "customDataURL": str, "filters": dict,
    "sorting": int, "layout": dict, "hideDisabled": bool, "techniques": list, "gradient": dict, "legendItems": list,
    "showTacticRowBackground": bool, "tacticRowBackground": str, "selectTechniquesAcrossTactics": bool,
    "selectSubtechniquesWithParent": bool, "selectVisibleTechniques": bool, "metadata": list, "links": list,
}  # fmt: skip
TECHNIQUE = {
    "techniqueID": str, "tactic": str, "comment": str, "enabled": bool, "score": int, "color": str, "metadata": list,
    "links": list, "showSubtechniques": bool,
}  # fmt: skip
LAYOUT = {
    "layout": ("side", "flat", "mini"), "showID": (True, False), "showName": (True, False),
    "showAggregateScores": (True, False), "countUnscored": (True, False),
    "aggregateFunction": ("average", "min", "max", "sum"), "expandedSubtechniques": ("none", "all", "annotated"),
}  # fmt: skip


def layer(*cases: Case) -> dict[str, Any]:
    made = json.loads("".join(NAVIGATOR.tell(replace(outbreak.result(), cases=list(cases)), View())))
    assert isinstance(made, dict)
    return made


def held(made: dict[str, Any]) -> None:
    """Hold a layer against the published fields: none that is not there, each of its type."""
    assert {"name", "domain"} <= made.keys()
    for key, value in made.items():
        assert type(value) is LAYER[key], key
    assert made["versions"] == {"navigator": "4.9.0", "layer": "4.5"}
    assert made["domain"] in ("enterprise-attack", "mobile-attack", "ics-attack")
    assert made["sorting"] in (0, 1, 2, 3)
    for key, value in made["layout"].items():
        assert value in LAYOUT[key], key
    for technique in made["techniques"]:
        assert "techniqueID" in technique
        for key, value in technique.items():
            assert type(value) is TECHNIQUE[key], key
    gradient = made["gradient"]
    assert gradient.keys() == {"colors", "minValue", "maxValue"}
    assert len(gradient["colors"]) >= 2
    assert gradient["maxValue"] > gradient["minValue"]
    assert all(item.keys() == {"label", "color"} for item in made["legendItems"])
    assert all(item.keys() == {"name", "value"} for item in made["metadata"])


def test_a_layer_holds_to_the_published_fields() -> None:
    held(layer(outbreak.worm(), outbreak.harmless()))
    held(layer())


def test_the_score_is_the_number_of_incidents_and_the_comment_names_alerts_and_rules() -> None:
    worm = outbreak.worm()
    twin = replace(worm, incident=replace(worm.incident, id="twin", alerts=worm.incident.alerts[:2], chains=()))
    made = layer(worm, outbreak.harmless(), twin)
    found = {technique["techniqueID"]: technique for technique in made["techniques"]}
    assert (found["T1486"]["score"], found["T1219"]["score"]) == (2, 1)
    assert found["T1486"]["comment"] == f"12 alerts: {outbreak.ENCRYPTED.title}"
    assert made["gradient"]["maxValue"] == 2
    assert "3 incidents in 150,000 events" in made["description"]


def test_a_sub_technique_is_shown_under_its_unscored_parent() -> None:
    found = {technique["techniqueID"]: technique for technique in layer(outbreak.worm())["techniques"]}
    assert found["T1543"] == {"techniqueID": "T1543", "enabled": True, "showSubtechniques": True}
    assert found["T1543.003"]["score"] == 1
    assert len(found) == len(layer(outbreak.worm())["techniques"])


def test_what_is_no_technique_is_none() -> None:
    made = json.loads("".join(NAVIGATOR.tell(hostile_result(*SCRIPTS), View())))
    held(made)
    assert made["techniques"] == []


def test_correlations_are_counted_beside_alerts() -> None:
    worm = outbreak.worm()
    found = {technique["techniqueID"]: technique for technique in layer(worm)["techniques"]}
    assert found["T1046"]["comment"] == f"12 alerts, 1 correlation: {outbreak.FAN.title}"
    only = {t["techniqueID"]: t for t in layer(replace(worm, incident=replace(worm.incident, alerts=())))["techniques"]}
    assert only["T1046"]["comment"] == f"1 correlation: {outbreak.FAN.title}"
    assert only["T1486"]["comment"] == ""
