"""Nothing is written by a person without saying which action it is, and each action is one that is declared.

That an action leaves exactly one row in the audit log, on each of its surfaces, is walked where its domain is tested:
in each `test_actions_….py`, whose `SURFACES` are all that is marked there, and walked.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from fastapi import FastAPI

from batch_platform import domains
from batch_platform.operations.web import dagster_audit
from batch_platform.registry import build_actions
from batch_platform.server import create_app
from batch_platform.web import i18n
from batch_platform_tests.surfaces import SAFE, Surfaces, commands, has_dry_run, marks, of_commands, of_routes, routes

# Sent by POST, because they carry a form or a body, but nothing is written by them.
READS = {
    **dict.fromkeys(
        (
            "/api/admin/batch-operations/preview",
            "/api/admin/batch-operations/{batchId:uuid7}/reverse/preview",
            "/console/admin/batch-operations/preview",
            "/console/admin/batch-operations/{batch_id}/preview-reversal",
        ),
        "what a batch would do, and the question before it",
    ),
    "/api/projects/{projectId:name}:test": "a trial of what the batches would read",
    "/console/projects/{project_id}/test": "a trial of what the batches would read",
    "/console/zengin/ask": "the question before a decision",
    "/api/portfolio/{wallet_address}/refresh": "a wish for fresh prices",
    "/api/notifications/{wallet_address}/read": "the reader's own mark",
    "/api/auth/nonce": "a text for a wallet to sign, whoever asks",
    "/login/language": "a cookie of the browser",
}
# Commands with a dry run whose writes are of the machine or of made-up data: no person's decision about ours.
OF_THE_MACHINE = {"provision": "tables and buckets of an environment"}


@pytest.fixture(scope="module")
def app(clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        patch.setenv("BATCH_PLATFORM_SECRET", "s" * 32)
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        return create_app(domains.load_settings())


def test_every_route_that_writes_says_what_it_does(app: FastAPI) -> None:
    silent = {
        route.path
        for route in routes(app.routes)
        if set(route.methods or ()) - SAFE and not marks(route.endpoint) and route.path not in READS
    }
    assert silent == set()


def test_every_command_that_writes_says_what_it_does() -> None:
    silent = {
        path
        for path, command in commands().items()
        if has_dry_run(command) and not marks(command.callback) and path.split()[0] not in OF_THE_MACHINE
    }
    assert silent == set()


def test_whatever_is_done_is_declared_can_be_done_and_is_walked(app: FastAPI) -> None:
    marked = of_routes(app.routes) | of_commands()
    assert {name for _, name in marked} == set(build_actions())
    assert marked == walked()


def walked() -> Surfaces:
    """What the walks of the domains, of operations and of the access go over: each fails for what it leaves out."""
    here = Path(__file__).parent
    modules = [path.relative_to(here.parent).with_suffix("") for path in here.glob("*/test_actions_*.py")]
    return {surface for module in modules for surface in import_module(".".join(module.parts)).SURFACES}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_action_is_a_sentence_of_who_did_it_to_what(app: FastAPI, language: str) -> None:
    sentences = app.state.audit_sentences
    dagster = {action.what for action in dagster_audit.ACTIONS.values()}
    assert set(build_actions()) | dagster <= set(sentences)
    texts = {}
    with i18n.speaking(app.state.console.languages[language]):
        for what, text in sentences.items():
            texts[what] = i18n.gettext(text, who="ann", target="T-1")
            assert texts[what].startswith("ann "), what
            assert "T-1" in texts[what] or what.startswith("session."), what
            assert (texts[what] != text % {"who": "ann", "target": "T-1"}) == (language == "ja"), what
    assert len(set(texts.values())) == len(texts)  # no two actions read alike
