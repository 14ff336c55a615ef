"""People and their tokens: who may call the API, in which role; a token's text is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console.answer import Answer, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub, Premises
from carecordon.hub.naming import fault_of
from carecordon.hub.trust.access import DAY_NS, PERSON_DAYS, make_token
from carecordon.hub.trust.revocations import remove_person, revoke_token
from carecordon.model.person import Person, Role
from carecordon.model.times import rfc3339

PEOPLE_COLUMNS = ("name", "role", "made", "gone")
TOKEN_COLUMNS = ("id", "person", "label", "made", "expires", "revoked")
LISTED = 1_000
NAME_CHARS = 100


class NewPerson(BaseModel):
    """Who is added."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")
    role: Role = Role.READER


class NewToken(BaseModel):
    """What a token is for."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field("", max_length=100, description="What it is used for.")
    days: float = Field(PERSON_DAYS, gt=0, le=366, description="It is good for so long.")


def list_people(request: Request, hub: Hub) -> Response:
    """List everybody, those who are gone too."""
    people = hub.register.people.all()
    rows = [
        {"name": one.name, "role": one.role.value, "made": rfc3339(one.made), "gone": rfc3339(one.gone)}
        for one in people[:LISTED]
    ]
    cut = f"only {LISTED:,} are shown" if len(people) > LISTED else ""
    return respond(request, Answer(PEOPLE_COLUMNS, rows, cut))


def add_person(hub: Hub, caller: Caller, new: Annotated[NewPerson, Body()]) -> Response:
    """Add a person, who can do nothing before there is a token of theirs."""
    fault = fault_of(new.name)
    if fault:
        raise HTTPException(422, f"name: {fault}")
    if not hub.register.people.add(Person(new.name, new.role, hub.clock()), caller.name):
        raise HTTPException(409, "somebody has, or had, this name: the audit log must tell people apart")
    return Response(encoded({"name": new.name, "role": new.role.value}), media_type="application/json")


def remove(hub: Hub, caller: Caller, person: str) -> Response:
    """Let a person do nothing any more; the name stays in the audit log."""
    _find(hub, person)
    is_new = remove_person(hub.register, hub.paths.keys, person, caller.name, hub.clock())
    return Response(encoded({"name": person, "is_new": is_new}), media_type="application/json")


def give_token(hub: Hub, caller: Caller, person: str, new: Annotated[NewToken, Body()]) -> Response:
    """Make a token of a person; its text is in this answer and nowhere else."""
    if _find(hub, person).gone is not None:
        raise HTTPException(409, "this person is no longer one of the hub's")
    now = hub.clock()
    token, shown = make_token(person, new.label or f"by {caller.name}", now, now + int(new.days * DAY_NS))
    if not hub.register.people.add_token(token, caller.name):
        raise HTTPException(409, "this person is no longer one of the hub's")
    told = {"id": token.id, "person": person, "expires": rfc3339(token.expires), "token": shown}
    return Response(encoded(told), media_type="application/json")


def list_tokens(request: Request, hub: Hub) -> Response:
    """List tokens, the newest first, without their secrets, which nobody knows any more."""
    tokens = hub.register.people.tokens()
    rows = [
        {
            "id": one.id,
            "person": one.person,
            "label": one.label,
            "made": rfc3339(one.made),
            "expires": rfc3339(one.expires),
            "revoked": rfc3339(one.revoked),
        }
        for one in tokens[:LISTED]
    ]
    cut = f"only the newest {LISTED:,} are shown" if len(tokens) > LISTED else ""
    return respond(request, Answer(TOKEN_COLUMNS, rows, cut))


def revoke(hub: Hub, caller: Caller, token: str) -> Response:
    """Let a token be good for nothing any more."""
    if hub.register.people.token(token) is None:
        raise HTTPException(404, "no such token")
    is_new = revoke_token(hub.register, hub.paths.keys, token, caller.name, hub.clock())
    return Response(encoded({"id": token, "is_new": is_new}), media_type="application/json")


def _find(hub: Premises, name: str) -> Person:
    found = hub.register.people.get(name)
    if found is None:
        raise HTTPException(404, f"no such person: {name[:NAME_CHARS]}")
    return found


PEOPLE = Endpoints(
    "people",
    (
        Endpoint("GET", "/people", list_people, Role.ADMIN, "read"),
        Endpoint("POST", "/people", add_person, Role.ADMIN, "add", form="object"),
        Endpoint("POST", "/people/{person}/remove", remove, Role.ADMIN, "remove", form="object"),
        Endpoint("POST", "/people/{person}/tokens", give_token, Role.ADMIN, "token", form="object"),
        Endpoint("GET", "/tokens", list_tokens, Role.ADMIN, "read"),
        Endpoint("POST", "/tokens/{token}/revoke", revoke, Role.ADMIN, "revoke", form="object"),
    ),
)
