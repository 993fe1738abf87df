"""What people do with toys, declared once for API and command line."""

from __future__ import annotations

from typing import Final

from toy import service
from toy.service import Row, ToyContext

from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.session import Session


def _look(session: Session[ToyContext], targets: Targets, _given: Nothing) -> Row:
    [name] = targets
    return service.toy(session.context, name)


def _wind(session: Session[ToyContext], targets: Targets, _given: Nothing) -> Row:
    [name] = targets
    return service.wind(session.context, name, record=session.log.record)


WIND: Final = Action(name="toy.wind", permission="toys:wind", input=Nothing, look=_look, do=_wind, recorded=True)
ACTIONS: Final = {WIND.name: "%(who)s winds the toy %(target)s"}
