"""The page of what lives, as people read it."""

from __future__ import annotations

from batch_platform.operations.health import Rounds
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import Rig


def test_workers_are_named_in_the_readers_language(client: Client, rig: Rig) -> None:
    Rounds({}, ["mailer"]).make(rig.operations.pool, rig.operations.clock)
    for language, name in (("ja", "ワーカー mailer"), ("en", "Worker mailer")):
        headers = {"accept": "text/html", "accept-language": language, "cookie": f"language={language}"}
        assert f">{name}</th>" in client("viewer").get("/console/health", headers=headers).text
