"""An action that is declared once: its route, the handler of its form and its command, each with one row in the log.

An action looks, and then does. `look` answers with what it would act on, as that stands now, and refuses what `do`
would refuse: it is the dry run, the "before" of the audit row, and what a form asks about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import showing
from batch_platform.kit import signatures
from batch_platform.kit.session import Session
from batch_platform.kit.signatures import parameter
from batch_platform.web.api.answers import Answer
from batch_platform.web.api.strict import StrictModel

if TYPE_CHECKING:
    from fastapi import APIRouter, Request, Response
    from typer import Typer
    from typer.models import OptionInfo

C = TypeVar("C")
I = TypeVar("I", bound=StrictModel)  # noqa: E741 (the input)
S = TypeVar("S")
R = TypeVar("R")

Targets = Mapping[str, int | None]
"""What an action is about: ids, each with the version that was seen; None where whoever acts does not say."""


class Nothing(StrictModel):
    """The input of an action that asks for nothing."""


class VersionRequest(StrictModel):
    """`version`, or the header If-Match, makes sure that nobody has changed it meanwhile."""

    version: Annotated[
        int | None, Field(ge=1, le=999_999_999, description="The version that was seen; newer: 409.")
    ] = None


@dataclass(frozen=True)
class Action(Generic[C, I, S, R]):
    """What somebody may do.

    `name`        as the audit log has it, `thing.verb`
    `permission`  what it takes
    `input`       what is given beside the targets; a `VersionRequest` takes `version` or If-Match
    `look`        what it would act on; raises what `do` would raise as things stand
    `do`          does it, and answers with what came of it
    `before`      what the log keeps of what was looked at, and `after` of what came of it, beside what was given
    `target`      what the log names as the target; the ids themselves where it is left out
    `recorded`    the use case writes the audit row itself, by `session.log.record`, in the transaction of its change
    """

    name: str
    permission: str
    input: type[I]
    look: Callable[[Session[C], Targets, I], S]
    do: Callable[[Session[C], Targets, I], R]
    before: Callable[[S], Any] = lambda _: None
    after: Callable[[R], Mapping[str, Any]] = lambda _: {}
    target: Callable[[S], str] | None = None
    recorded: bool = False


def perform(action: Action[C, I, S, R], session: Session[C], targets: Targets, given: I) -> R:
    """The one way to do it: looked at, written down as an intent, done, and the outcome written down."""
    if action.recorded:
        return action.do(session, targets, given)
    seen = action.look(session, targets, given)
    target = ", ".join(targets) if action.target is None else action.target(seen)
    with session.log.intent(action.name, target, action.before(seen)) as intent:
        done = action.do(session, targets, given)
        request = given.model_dump(mode="json", by_alias=True, exclude={"version"}, exclude_none=True)
        intent.after = {**request, **action.after(done)}
    return done


def route(
    router: APIRouter,
    action: Action[Any, Any, Any, R],
    path: str,
    *,
    name: str,
    doc: str,
    session: Any,
    answer: type[Answer],
    of: Callable[[R], Answer] | None = None,
    says: Callable[[R], str] = lambda _: "",
    target: Any = None,
    version: Callable[[R], int] | None = None,
    status: int = 200,
    may_miss: bool = False,
) -> None:
    """`POST path`: the envelope with `answer`, as `of` makes it or itself, and what the action `says`.

    `session` is the annotated dependency that hands over who acts, `target` the annotated parameter of the path; the
    body may be left out where the input has nothing that is needed. `version` gives the answer its ETag. `may_miss`:
    the body too can name what is not there.
    """
    from fastapi import Body, Response

    from batch_platform.web.access.dependencies import requires
    from batch_platform.web.api.envelope import Envelope
    from batch_platform.web.api.problems import documented

    @writes(action.name)
    def endpoint(response: Response, **given: Any) -> Any:
        body = given.get("body") or action.input()
        named = given.get("target")
        targets = {} if named is None else {named: seen_version(body, given.get("if_match"))}
        try:
            done = perform(action, given["session"], targets, body)
        except InvalidInput as error:
            known = action.input.model_fields.get(error.field or "")
            error.field = error.field if known is None else known.alias
            raise
        if version is not None:
            response.headers["ETag"] = f'"{version(done)}"'
        return Envelope(data=(of or answer.of)(done), message=says(done) or None)

    parameters = [parameter("session", session), parameter("response", Response)]
    if target is not None:
        parameters.append(parameter("target", target))
    if action.input is not Nothing:
        needed = any(field.is_required() for field in action.input.model_fields.values())
        kind = action.input if needed else action.input | None
        default: dict[str, Any] = {} if needed else {"default": None}
        parameters.append(parameter("body", Annotated[kind, Body()], **default))
    if issubclass(action.input, VersionRequest):
        parameters.append(parameter("if_match", _if_match(), None))
    signatures.signed(endpoint, name, doc, parameters)
    router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        status_code=status,
        response_model=Envelope[answer],  # type: ignore[valid-type]
        dependencies=[requires(action.permission)],
        responses=documented(404) if may_miss or target is not None else None,
    )


def seen_version(given: StrictModel, if_match: str | None) -> int | None:
    """The version that the caller saw, by body or header. Raises `InvalidInput` when they disagree."""
    named = given.version if isinstance(given, VersionRequest) else None
    header = None if if_match is None else int(if_match.strip('"'))
    if named is not None and header is not None and named != header:
        raise InvalidInput("versions-differ", "If-Match and version name different versions", field="If-Match")
    return named if header is None else header


def submit(
    request: Request,
    action: Action[C, Any, Any, R],
    session: Session[C],
    target: str | None,
    texts: Mapping[str, str],
    *,
    here: str,
    says: Callable[[R], str],
    there: Callable[[R], str] | None = None,
) -> Response:
    """The handler of a form: done, then `there` (or back `here`) with what it says; else `here` with why not."""
    from batch_platform.web.console import redirect

    try:
        given = given_by(action, texts)
        targets = {} if target is None else {target: seen_version(given, None)}
        done = perform(action, session, targets, given)
    except InvalidInput as error:
        return redirect(request, here, message=error.message, tone="bad")
    return redirect(request, here if there is None else there(done), message=says(done))


def given_by(action: Action[Any, I, Any, Any], texts: Mapping[str, str]) -> I:
    """The input out of a form, which has other fields too. Raises `InvalidInput` that names the field at fault."""
    model = action.input
    names = {key for name, field in model.model_fields.items() for key in (name, field.alias)}
    return signatures.from_texts(model, {name: text for name, text in texts.items() if name in names})


def command(
    app: Typer,
    action: Action[C, Any, S, R],
    name: str,
    *,
    doc: str,
    opened: Callable[[str | None], AbstractContextManager[Session[C]]],
    looked: Callable[[S, bool], None],
    done: Callable[[R, bool], None],
    target: Any = None,
    options: Mapping[str, OptionInfo] | None = None,
    working: str | None = None,
) -> None:
    """`name [targets] [options] [--as ACCOUNT] [--dry-run] [--json]`.

    `target` is the annotated argument, of one id or a list of them. `looked` prints a dry run and `done` what came of
    it, each told whether as JSON. `working` is what people see meanwhile.
    """
    from batch_platform.kit.options import As, DryRun, Json

    @writes(action.name)
    def run(**given: Any) -> None:
        account, dry_run, as_json = given.pop("account"), given.pop("dry_run"), given.pop("as_json")
        targets = named(given.pop("target", None))
        texts = signatures.from_texts(action.input, given, by_option=True)
        with opened(account) as session, showing(working or f"{name} …"):
            if dry_run:
                seen = action.look(session, targets, texts)
            else:
                result = perform(action, session, targets, texts)
        if dry_run:
            looked(seen, as_json)
        else:
            done(result, as_json)

    parameters = [] if target is None else [parameter("target", target, *_default_of(target))]
    parameters += signatures.of_command(action.input, options or {}, left_out={"version"})
    parameters.append(parameter("account", As, None))
    parameters.append(parameter("dry_run", DryRun, False))
    parameters.append(parameter("as_json", Json, False))
    signatures.signed(run, name, doc, parameters)
    app.command(name)(run)


def named(ids: str | list[str] | None) -> Targets:
    """Of a command line, which says nothing of versions."""
    return dict.fromkeys([ids] if isinstance(ids, str) else ids or [])


def _default_of(target: Any) -> list[Any]:
    """An argument of several ids may be left out: the action says then what it needs."""
    return [None] if type(None) in getattr(target.__origin__, "__args__", ()) else []


def _if_match() -> Any:
    from fastapi import Header

    return Annotated[
        str | None,
        Header(
            alias="If-Match",
            pattern=r'^"[0-9]{1,9}"$',
            description="The ETag of what was seen: the version in quotation marks. Anything newer answers 409.",
            examples=['"1"'],
        ),
    ]
