"""Somebody leaves: their work moves, their role is lowered, they leave their groups, and only then they go."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..items import Item, Kind
from ..people import ROLE, Member, group_field
from ..plan import Row
from .items import transfers
from .people import changes, deactivations


def leaving(
    member: Member,
    *,
    work: Iterable[Item],
    takers: Mapping[Kind, Member],
    role_id: str = "",
    group_ids: Iterable[str] = (),
) -> list[Row]:
    """Rows in four stages. Of `work`, what nobody takes stays; without `role_id` the role stays.

    `member` must say of each of the groups whether they are in it.
    """
    moved = [
        row for item in work if item.kind in takers for row in transfers([item], member, takers[item.kind])
    ]
    lowered = changes([member], {ROLE: role_id}) if role_id else []
    ungrouped = [row for pk in group_ids for row in changes([member], {group_field(pk): False})]
    steps = (moved, lowered, ungrouped, deactivations([member]))
    return [replace(row, stage=stage) for stage, rows in enumerate(steps) for row in rows]
