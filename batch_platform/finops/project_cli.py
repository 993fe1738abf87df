"""`batch-platform cur projects …` and `cur archive`: where reports lie, and what left the cost tables."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_platform.core.terminal import chosen, print_json, print_rows
from batch_platform.finops.cli_work import AnyProjectId, DryRun, Json, ProjectId
from batch_platform.finops.opening import open_work
from batch_platform.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Where the projects' reports lie.")


@app.command("add")
def projects_add(
    project_id: ProjectId,
    bucket: Annotated[str, typer.Option(help="The bucket of the reports.")],
    prefix: Annotated[str, typer.Option(help="The key prefix before the report's folder.")],
    report_name: Annotated[str, typer.Option(help="The report's or export's name.")],
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    region: Annotated[str | None, typer.Option(help="The bucket's region; default: the platform's.")] = None,
    role_arn: Annotated[str | None, typer.Option(help="The role to assume.")] = None,
    external_id: Annotated[str | None, typer.Option(help="The external id its trust policy asks for.")] = None,
    report_format: Annotated[str, typer.Option("--format", help="auto, cur_legacy, cur2 or focus.")] = "auto",
    account: Annotated[list[str] | None, typer.Option(help="Only this usage account; repeatable.")] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, but do not poll it.")] = False,
    without_manifest: Annotated[
        bool,
        typer.Option("--without-manifest", help="Only data files are there: take a listing that stands still."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a project, or change it."""
    from batch_platform.finops import service
    from batch_platform.finops.model import Connection, Format

    kind = chosen("format", report_format, Format)
    settings = load_settings()
    connection = Connection(
        project_id=project_id,
        name=name or project_id,
        bucket=bucket,
        prefix=prefix,
        report_name=report_name,
        region=region or settings.aws_region,
        format=kind,
        role_arn=role_arn,
        external_id=external_id,
        account_scope=tuple(account) if account else None,
        enabled=not disabled,
        without_manifest=without_manifest,
    )
    with open_work(settings) as work:
        changed = service.add_project(work, connection, dry_run=dry_run)
    if as_json:
        print_json({"project_id": project_id, "changed": changed, "dry_run": dry_run})
        return
    verb = "would be saved" if dry_run else "saved"
    typer.echo(f"project {project_id} {verb if changed else 'is already so'}")


@app.command("list")
def projects_list(as_json: Json = False) -> None:
    """List the projects."""
    with open_work() as work, work.store.transaction() as session:
        projects = session.projects()
    rows = [
        {
            "project_id": p.project_id,
            "name": p.name,
            "location": p.location,
            "format": p.format.value,
            "role": p.role_arn,
            "accounts": None if p.account_scope is None else list(p.account_scope),
            "enabled": p.enabled,
        }
        for p in projects
    ]
    print_rows(rows, as_json=as_json, empty="no projects; add one with: batch-platform cur projects add")


@app.command("test")
def projects_test(project_id: ProjectId, as_json: Json = False) -> None:
    """Try what the batches will do: role, bucket, newest manifest, files. Writes nothing."""
    from batch_platform.finops import service

    with open_work() as work:
        steps = service.test_project(work, project_id)
    passed = all(step.passed for step in steps)
    if as_json:
        print_json({"project_id": project_id, "passed": passed, "steps": [vars(step) for step in steps]})
    for step in [] if as_json else steps:
        typer.echo(f"{'ok  ' if step.passed else 'FAIL'}  {step.name}: {step.detail}")
    if not passed:
        raise typer.Exit(1)


@app.command("remove")
def projects_remove(project_id: ProjectId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Remove a project: its costs are archived, its accounts and payers are free for another."""
    from batch_platform.finops import service

    with open_work() as work:
        removal = service.remove_project(work, project_id, dry_run=dry_run)
    months = [f"{month:%Y-%m}" for month in removal.months]
    if as_json:
        print_json({"project_id": project_id, "archived": months, "dry_run": dry_run})
        return
    what = ", ".join(months) or "no month"
    if not removal.changed:
        would = "is already removed; archived"
    else:
        would = "would be removed; to be archived" if dry_run else "removed; archived"
    typer.echo(f"project {project_id} {would}: {what}")


def archive(project_id: AnyProjectId = None, as_json: Json = False) -> None:
    """Show the months that were withdrawn, and those of removed projects."""
    with open_work() as work, work.store.snapshot() as session:
        rows = [
            {
                "archive": row["archive_id"],
                "project_id": row["project_id"],
                "month": row["billing_month"] and f"{row['billing_month']:%Y-%m}",
                "state": row["state"],
                "version": row["version"],
                "unblended": row["unblended"],
                "reason": row["reason"],
                "detail": row["detail"],
                "archived_at": row["archived_at"],
            }
            for row in session.archived_months(project_id)
        ]
    print_rows(rows, as_json=as_json, empty="nothing is archived")
