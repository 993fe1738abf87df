"""What an oracle makes of the facts, against tables, bucket and sink as they are: each invoice and each mail once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from batch_platform.staffing.proving import oracle
from batch_platform.staffing.proving.ground import Ground
from batch_platform.staffing.proving.play import MONTHS, NOW, BillingCase, facts
from batch_platform.staffing.proving.sink import read

NAMED: Final = 8
"""So many differences are told of each kind."""

_ISSUED: Final = """
SELECT to_char(month, 'YYYY-MM'), contract_id, number, subtotal, tax, total, pdf_sha256, object_key
FROM invoices WHERE kind = 'invoice' AND state = 'issued' ORDER BY month, contract_id
"""
_COUNTERS: Final = "SELECT year, last FROM number_counters WHERE last IS NOT NULL"
_NOTICES: Final = "SELECT message_id, state FROM outbox.notices WHERE channel = 'mail'"
_OCCURRENCES: Final = "SELECT approach_id, scheduled_for, state FROM approach_occurrences"
_SENT: Final = "SELECT approach_id, scheduled_for, engineer_id FROM approaches"


def hashes(ground: Ground) -> dict[str, str]:
    """SHA-256 of each issued invoice by its number."""
    return {row[2]: row[6] for row in ground.rows(_ISSUED)}


def differences(ground: Ground, case: BillingCase, mails: Iterable[bytes]) -> list[str]:
    """Everything that is otherwise than it must be; empty when all is equal. `mails` are those of the sink."""
    world = oracle.read(facts(case))
    issued = ground.rows(_ISSUED)
    return [
        *_invoices(world, issued),
        *_numbers(ground, [row[2] for row in issued]),
        *_originals(ground, issued, ground.undisturbed[case.seed, case.contracts]),
        *_approaches(ground, world),
        *_mails(ground, {row[2]: row[6] for row in issued}, list(mails)),
    ]


def _invoices(world: oracle.World, issued: Sequence[Any]) -> list[str]:
    """Each contract and month once, under its number, to the yen."""
    months = [f"{month:%Y-%m}" for month in MONTHS]
    # no contract of the proof asks whether banks work
    billed = oracle.billed(world, months, holidays=())
    expected = {
        (month, str(contract)): (invoice["invoice_number"], invoice["subtotal"], invoice["tax"], invoice["total"])
        for month, answers in billed.items()
        for contract, invoice in answers.items()
        if invoice["document"]
    }
    times = Counter((row[0], row[1]) for row in issued)
    twice = [
        f"{contract} is billed {count} times for {month}" for (month, contract), count in times.items() if count > 1
    ]
    actual = {(row[0], row[1]): tuple(row[2:6]) for row in issued}
    return [*twice[:NAMED], *_unequal("invoice", actual, expected)]


def _numbers(ground: Ground, numbers: Sequence[str]) -> list[str]:
    """Each year's begin at 1 and none is left out or given twice; the counters stand at the last ones."""
    wrong = []
    years = Counter(int(number.split("-")[1]) for number in numbers)
    for year, count in years.items():
        sequences = sorted(int(number.split("-")[2]) for number in numbers if f"-{year}-" in number)
        if sequences != list(range(1, count + 1)):
            wrong.append(f"numbers of {year} are not 1 to {count}, each once: {sequences[:NAMED]}…")
    return wrong + _unequal("counter", dict(ground.rows(_COUNTERS)), dict(years))


def _originals(ground: Ground, issued: Sequence[Any], undisturbed: Mapping[str, str]) -> list[str]:
    """Each file lies under its hash, and is the one that an undisturbed run has made."""
    lost = [f"the original of {row[2]} is not there" for row in issued if ground.stored(row[7]) != row[6]]
    return [*lost[:NAMED], *_unequal("hash of", {row[2]: row[6] for row in issued}, undisturbed)]


def _approaches(ground: Ground, world: oracle.World) -> list[str]:
    """Each occurrence is decided once, and each engineer who is not excluded was written to once of each."""
    due = {
        (line["approach_id"], datetime.fromisoformat(line["scheduled_for"])): line["action"] == "deliver"
        for line in oracle.approaches_due(world, NOW, {})
    }
    decided = {(name, at): state for name, at, state in ground.rows(_OCCURRENCES)}
    states = {occurrence: "delivered" if delivered else "skipped" for occurrence, delivered in due.items()}
    sent = Counter(ground.rows(_SENT))
    engineers = _engineers(world)
    expected = {
        (*occurrence, engineer): 1 for occurrence, delivered in due.items() if delivered for engineer in engineers
    }
    return [*_unequal("occurrence", decided, states), *_unequal("approach", dict(sent), expected)]


def _mails(ground: Ground, issued: Mapping[str, str], mails: Sequence[bytes]) -> list[str]:
    """Of each notice one mail by its Message-ID, of each invoice one by the file that is attached."""
    taken, invoices = Counter[str](), Counter[str]()
    changed = []
    for mail in mails:
        message_id, attached = read(mail)
        taken[message_id] += 1
        for filename, content in attached.items():
            number = filename.removesuffix(".pdf")
            invoices[number] += 1
            if hashlib.sha256(content).hexdigest() != issued.get(number):
                changed.append(f"the mail of {number} carries another file")
    notices = ground.rows(_NOTICES)
    waiting = Counter(state for _, state in notices if state != "accepted")
    return [
        *changed[:NAMED],
        *(f"{count} mails are {state}" for state, count in waiting.items()),
        *_unequal("mail", dict(taken), {message_id: 1 for message_id, _ in notices}),
        *_unequal("mail of", dict(invoices), dict.fromkeys(issued, 1)),
        *_advertised(ground, len(mails) - invoices.total()),
    ]


def _advertised(ground: Ground, mails: int) -> list[str]:
    [(sent,)] = ground.rows("SELECT count(*) FROM approaches")
    return [] if mails == sent else [f"{mails} mails of approaches, not {sent}"]


def _engineers(world: oracle.World) -> list[str]:
    excluded = {line["engineer_id"] for line in world.of("exclusion")}
    return [line["engineer_id"] for line in world.of("engineer") if line["engineer_id"] not in excluded]


def _unequal(name: str, there: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    keys = [key for key in sorted({*there, *expected}, key=str) if there.get(key) != expected.get(key)]
    return [f"{name} {key}: {there.get(key)}, not {expected.get(key)}" for key in keys[:NAMED]]
