"""A small app of sample pages: every macro of the console's toolkit in both frames, behind the platform's CSP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware

from batch_platform.core.failures import InvalidInput
from batch_platform.web import console
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.console import Console, NavItem, field_errors, redirect, render
from batch_platform.web.i18n import N_, LanguageMiddleware
from batch_platform.web.i18n import gettext as _

SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
STARTED = datetime(2026, 10, 1, 15, 30, 5, tzinfo=UTC)
PACKAGES = ("batch_platform.web", "batch_platform_tests.web.console_demo")
NAVIGATION = (
    NavItem(key="charts", label=N_("Sample charts"), path="/console/charts", permission="finops:read", order=30),
    NavItem(key="home", label=N_("Sample dashboard"), path="/console", permission="jobs:read", order=10),
    NavItem(key="table", label=N_("Sample table"), path="/console/table", permission="jobs:read", order=20),
    NavItem(key="form", label=N_("Sample form"), path="/console/form", permission="jobs:run", order=40),
    NavItem(key="run", label=N_("Sample run"), path="/console/run", permission="jobs:read", order=50),
)
DAYS = [f"2026-10-{day:02}" for day in range(1, 32)]
SERVICES = ("Amazon EC2", "Amazon S3", "Amazon RDS", "AWS Lambda")


def build(principal: Principal | None = None) -> FastAPI:
    """The app for one visitor: an operator unless another is given."""
    app = FastAPI(openapi_url=None)
    visitor = principal or Principal("local:hanako", "山田 花子", frozenset({Role.OPERATOR, Role.VIEWER}), "session")
    shell = Console(packages=PACKAGES, navigation=NAVIGATION, environment="local")
    app.state.console = shell
    app.state.web = SimpleNamespace(key=lambda purpose: purpose.encode() * 8, secure_cookies=False)
    app.state.done = 0  # of the run's three files; who shows the page moves it on
    app.state.saved = []
    app.mount("/static", shell.static)
    app.include_router(console.router)
    _add_pages(app)

    async def surround(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        signed_in = request.url.path != "/login"
        request.scope.update(principal=visitor if signed_in else None, csrf_token="token-of-the-session")
        response = await answer(request)
        response.headers["Content-Security-Policy"] = SECURITY_POLICY
        return response

    app.add_middleware(BaseHTTPMiddleware, dispatch=surround)
    app.add_middleware(LanguageMiddleware, languages=shell.languages)
    return app


def spec_of_bars() -> dict[str, Any]:
    values = {
        name: [str(Decimal(at * 7 + day * day % 11) / 4) for day in range(31)] for at, name in enumerate(SERVICES)
    }
    values["AWS Lambda"][3] = None  # type: ignore[call-overload]
    series = [{"name": name, "values": values[name]} for name in SERVICES]
    return {"kind": "bars", "stacked": True, "x": DAYS, "unit": "USD", "series": series}


def spec_of_lines() -> dict[str, Any]:
    actual = [str(1_000_000 + day % 7 * 12_000) + ".1234567890" if day < 20 else None for day in range(31)]
    middle = [None if day < 19 else str(1_000_000 + day * 1_000) for day in range(31)]
    series = [
        {"name": "Actual", "values": actual},
        {"name": "Forecast", "values": middle, "style": "dashed"},
        {"name": "Low", "values": [value and str(int(value) - 40_000) for value in middle], "style": "band_low"},
        {"name": "80 %", "values": [value and str(int(value) + 40_000) for value in middle], "style": "band_high"},
        {"name": "Anomaly", "values": [v if day == 6 else None for day, v in enumerate(actual)], "style": "points"},
        {"name": "First day", "values": [*actual[:1], *[None] * 30]},
    ]
    return {"kind": "lines", "x": DAYS, "unit": "USD", "series": series}


def _add_pages(app: FastAPI) -> None:
    @app.get("/console")
    def home(request: Request) -> Response:
        return render(request, "demo_home.html", started=STARTED)

    @app.get("/console/table")
    def table(request: Request, offset: int = 0, status: str = "") -> Response:
        states = ("success", "failure", "running", "queued", "warning", "never")
        rows = [
            {
                "name": f"cur-aggregate-of-a-project-with-a-long-name-{number}",
                "state": states[number % 6],
                "cost": Decimal("-1234567.8900000000") * number,
                "files": 1_000 * number,
                "started": STARTED + timedelta(hours=number),
                "took": timedelta(minutes=7 * number),
                "bytes": 700_000 * number,
            }
            for number in range(offset, offset + 12)
        ]
        return render(request, "demo_table.html", rows=rows, offset=offset, status_filter=status)

    @app.get("/console/empty")
    def empty(request: Request) -> Response:
        return render(request, "demo_table.html", rows=[], offset=0, status_filter="")

    @app.get("/console/form")
    def form(request: Request) -> Response:
        return render(request, "demo_form.html", form={}, errors={})

    @app.post("/console/form")
    async def save(request: Request) -> Response:
        sent = {name: str(value) for name, value in (await request.form()).items()}
        try:
            if not sent.get("name", "").isalnum():
                raise InvalidInput("bad-name", "name must be letters and digits", field="name")
        except InvalidInput as error:
            return render(request, "demo_form.html", status=422, form=sent, errors=field_errors(error))
        app.state.saved.append(sent)
        return redirect(request, "/console/form", message=_("Saved %(name)s.", name=sent["name"]))

    @app.post("/console/cancel")
    def cancel(request: Request, reason: Annotated[str, Form()]) -> Response:
        app.state.saved.append({"reason": reason})
        return redirect(request, "/console/run", message=f"<b>{reason}</b>", tone="warning")

    @app.get("/console/run")
    def run(request: Request) -> Response:
        return render(request, "demo_run.html", done=app.state.done, final=app.state.done == 3)

    @app.get("/console/run/progress")
    def progress(request: Request) -> Response:
        return render(request, "demo_run_progress.html", done=app.state.done, final=app.state.done == 3)

    @app.get("/console/charts")
    def charts(request: Request) -> Response:
        return render(request, "demo_charts.html", bars=spec_of_bars(), lines=spec_of_lines())

    @app.get("/console/broken")
    def broken(request: Request) -> Response:
        values = {"title": "Not Found", "detail": "job nothing does not exist", "status_code": 404}
        return render(request, "error.html", status=404, correlation_id="0190f5c2-demo", **values)

    @app.get("/login")
    def login(request: Request) -> Response:
        return render(request, "demo_login.html")
