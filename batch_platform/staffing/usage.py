"""The use that companies made of the service on a day of Asia/Tokyo, [00:00, 24:00), each company's in a row.

A row is of every company that existed at any moment of the day, also where all is 0; one closed at the first moment
of the day did not. Totals are as of the end of the day: what was made before it and not deleted before it; what does
not say when it was made was always there. The other figures count what happened within the day, by the company that
the event names: whoever signed in or called counts as active, also when deleted since, and calls without a user count
as calls alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from batch_platform.core.json_lines import Day, Strict, Text
from batch_platform.core.messages import Message
from batch_platform.staffing.decimals import half_up
from batch_platform.staffing.fields import Amount, Count
from batch_platform.staffing.ids import IdText, shown
from batch_platform.staffing.instants import Instant, at_time, business_day, day_end

BYTES_PER_MB: Final = 2**20


class Company(Strict):
    company_id: IdText
    name: Text | None = None
    email: Text | None = None
    created_at: Instant | None = None
    closed_at: Instant | None = None


class Owned(Strict):
    """What a company has from one moment until another."""

    company_id: IdText
    created_at: Instant | None = None
    deleted_at: Instant | None = None


class User(Owned):
    user_id: IdText


class Engineer(Owned):
    engineer_id: IdText


class File(Owned):
    bytes: Count


class Assignment(Strict):
    """A confirmed one; its days are inclusive, `end` is None while it is open."""

    engineer_id: IdText
    start: Day
    end: Day | None = None


class Login(Strict):
    user_id: IdText
    company_id: IdText
    at: Instant


class ApiRequest(Strict):
    user_id: IdText | None = None
    company_id: IdText
    at: Instant
    feature: Text | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    duration_ms: Amount | None = None


class Approach(Strict):
    company_id: IdText
    sent_at: Instant | None


class Mail(Strict):
    """`accepted_at` is None until a provider has it."""

    company_id: IdText
    accepted_at: Instant | None


def _each_once(id_of: Callable[[Any], str]) -> AfterValidator:
    def check(rows: Sequence[Any]) -> Sequence[Any]:
        id_, count = next(iter(Counter(map(id_of, rows)).most_common(1)), ("", 0))
        if count > 1:
            raise ValueError(Message("row-twice", "{id} is there twice", id=shown(id_)))
        return rows

    return AfterValidator(check)


class Facts(Strict):
    """Of any companies and days, in any order; companies, users and engineers each once."""

    companies: Annotated[list[Company], _each_once(lambda row: row.company_id)] = Field(default_factory=list)
    users: Annotated[list[User], _each_once(lambda row: row.user_id)] = Field(default_factory=list)
    engineers: Annotated[list[Engineer], _each_once(lambda row: row.engineer_id)] = Field(default_factory=list)
    assignments: list[Assignment] = Field(default_factory=list)
    logins: list[Login] = Field(default_factory=list)
    api_requests: list[ApiRequest] = Field(default_factory=list)
    approaches: list[Approach] = Field(default_factory=list)
    mails: list[Mail] = Field(default_factory=list)
    files: list[File] = Field(default_factory=list)


@dataclass(frozen=True)
class UsageRow:
    """A company's day; `storage_usage_mb` has two decimals, `feature_usage` counts calls by feature, sorted."""

    company_id: str
    date: date
    total_users: int
    total_engineers: int
    storage_usage_mb: Decimal
    active_users: int
    active_engineers: int
    approach_count: int
    email_sent_count: int
    login_count: int
    api_call_count: int
    feature_usage: Mapping[str, int]


def usage(day: date, facts: Facts) -> list[UsageRow]:
    """The rows of a day, in the order of the companies."""
    logins = [login for login in facts.logins if business_day(login.at) == day]
    calls = [call for call in facts.api_requests if business_day(call.at) == day]
    engineers = {each.engineer_id: each for each in facts.engineers if is_there(each, day)}
    users = Counter(each.company_id for each in facts.users if is_there(each, day))
    sent = Counter(each.company_id for each in facts.approaches if _is_on(each.sent_at, day))
    accepted = Counter(each.company_id for each in facts.mails if _is_on(each.accepted_at, day))
    working = {each.engineer_id for each in facts.assignments if each.start <= day and day <= (each.end or day)}
    events: list[Login | ApiRequest] = [*logins, *calls]
    active = {(each.company_id, each.user_id) for each in events if each.user_id is not None}
    signed_in = Counter(login.company_id for login in logins)
    called = Counter(call.company_id for call in calls)
    staff = Counter(each.company_id for each in engineers.values())
    at_work = Counter(engineers[engineer].company_id for engineer in working & engineers.keys())
    active_users = Counter(company for company, _ in active)
    stored: Counter[str] = Counter()
    for file in facts.files:
        if is_there(file, day):
            stored[file.company_id] += file.bytes
    features: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for call in calls:
        if call.feature is not None:
            features[call.company_id][call.feature] += 1
    return [
        UsageRow(
            company_id=company,
            date=day,
            total_users=users[company],
            total_engineers=staff[company],
            storage_usage_mb=half_up(Fraction(stored[company], BYTES_PER_MB), 2),
            active_users=active_users[company],
            active_engineers=at_work[company],
            approach_count=sent[company],
            email_sent_count=accepted[company],
            login_count=signed_in[company],
            api_call_count=called[company],
            feature_usage=dict(sorted(features[company].items())),
        )
        for company in (each.company_id for each in facts.companies if exists_on(each, day))
    ]


def exists_on(company: Company, day: date) -> bool:
    """Whether it existed at any moment of a day."""
    made = company.created_at is None or company.created_at < day_end(day)
    return made and (company.closed_at is None or company.closed_at > at_time(day))


def is_there(owned: Owned, day: date) -> bool:
    """Whether it is there as of the end of a day."""
    made = owned.created_at is None or owned.created_at < day_end(day)
    return made and (owned.deleted_at is None or owned.deleted_at >= day_end(day))


def _is_on(at: datetime | None, day: date) -> bool:
    return at is not None and business_day(at) == day
