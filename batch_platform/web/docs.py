"""`/docs` and `/openapi.json`, behind the login: Swagger UI from our own files, no inline script."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from batch_platform.web.access.dependencies import requires

_SWAGGER: Final = "/static/vendor/swagger-ui-dist-5.35.0"
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="csrf-token" content="{csrf_token}">
  <title>API · batch_platform</title>
  <link rel="icon" type="image/svg+xml" href="/static/icon.svg">
  <link rel="stylesheet" href="{swagger}/swagger-ui.css">
  <script src="{swagger}/swagger-ui-bundle.js" defer></script>
  <script src="/docs/start.js" defer></script>
</head>
<body><main id="swagger-ui"></main></body>
</html>
"""
_SCRIPT: Final = """const token = document.querySelector("meta[name=csrf-token]").content;
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRF-Token"] = token;
    return request;
  },
});
"""

router = APIRouter(include_in_schema=False, dependencies=[requires("docs:read")])


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(swagger=_SWAGGER, csrf_token=escape(request.scope["csrf_token"])))


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(_SCRIPT, media_type="text/javascript")


@router.get("/openapi.json")
async def openapi(request: Request) -> dict[str, Any]:
    document: dict[str, Any] = request.app.openapi()
    return document
