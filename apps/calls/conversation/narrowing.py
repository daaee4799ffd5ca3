"""Which service, at which branch: from what was said, what stands for the call, or what is the only one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.calls.conversation import replies
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn
from apps.scheduling.places import Place
from apps.services.matching import ServiceName, find_service_in, match_branch, match_service, match_service_id
from apps.tenants.models import Branch


class Ask(Exception):
    """A question has to be answered by the caller first."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(reply.status)


@dataclass(frozen=True, slots=True)
class _Names:
    """The services of some places as names to match, keyed by service id."""

    places: Sequence[Place]

    def all(self) -> list[ServiceName]:
        seen: dict[int, ServiceName] = {}
        for place in self.places:
            service = place.service
            known = seen.get(service.pk)
            ids = (*known.event_type_ids, place.external_id) if known else (place.external_id,)
            seen[service.pk] = ServiceName(
                key=service.pk,
                slug=service.slug,
                name=service.name,
                synonyms=tuple(service.synonyms),
                event_type_ids=ids,
            )
        return list(seen.values())

    def labels(self, keys: Sequence[int]) -> list[str]:
        by_key = {name.key: name.name for name in self.all()}
        return [by_key[key] for key in keys if key in by_key]


def choose_place(turn: Turn) -> Place:
    """The place the caller means. Raises ``Ask`` when it is not certain; a default is never assumed."""
    key = _service_key(turn, turn.places)
    branch = _branch(turn)
    if key is None:
        here = [place for place in turn.places if place.branch.pk == branch.pk]
        if len(here) != 1:
            names = [place.service.name for place in here or turn.places]
            raise Ask(replies.choose_service(turn, list(dict.fromkeys(names))))
        key = here[0].service.pk
    turn.keep(standing_service_id=key)
    return _place(turn, key, branch)


def _place(turn: Turn, key: int, branch: Branch) -> Place:
    offering = [place for place in turn.places if place.service.pk == key]
    for place in offering:
        if place.branch.pk == branch.pk:
            return place
    # The service exists, only not at this branch: the caller may want to go where it does.
    raise Ask(replies.choose_branch(turn, [place.branch.name for place in offering], place=offering[0]))


def _branch(turn: Turn) -> Branch:
    branches = {place.branch.pk: place.branch for place in turn.places}
    if turn.args.branch:
        found = match_branch(turn.args.branch, [(b.pk, b.slug, b.name) for b in branches.values()])
        if len(found) != 1:
            chosen = [branches[key] for key in found] or list(branches.values())
            raise Ask(replies.choose_branch(turn, [branch.name for branch in chosen]))
        turn.keep(standing_branch_id=found[0])
        return branches[found[0]]
    standing = turn.call.standing_branch_id
    if standing is not None and standing in branches:
        return branches[standing]
    return turn.branch


def _service_key(turn: Turn, places: Sequence[Place]) -> int | None:
    """The service that was said, or that stands; None when nothing was said. Raises ``Ask``."""
    here = [place for place in places if place.branch.pk == turn.branch.pk]
    for scope in (here, places):
        names = _Names(scope)
        if turn.args.service_id:
            key = match_service_id(turn.args.service_id, names.all())
            if key is not None:
                return key
        if turn.args.service:
            found = match_service(turn.args.service, names.all())
            if len(found.keys) == 1:
                return found.keys[0]
            if found.keys:
                raise Ask(replies.choose_service(turn, names.labels(found.keys)))
    if turn.args.service or turn.args.service_id:
        labels = [name.name for name in _Names(here or places).all()]
        raise Ask(replies.unknown_service(turn, labels))
    if turn.args.when:
        found = find_service_in(turn.args.when, _Names(here or places).all())
        if len(found.keys) == 1:
            return found.keys[0]
    standing = turn.call.standing_service_id
    if standing is not None and any(place.service.pk == standing for place in places):
        return standing
    return None
