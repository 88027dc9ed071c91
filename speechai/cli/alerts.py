"""`speechai alerts`: what a person has to look at, and saying that somebody did."""

from __future__ import annotations

from dataclasses import asdict

import click

from speechai.cli.output import json_option, local, print_json, print_result, print_table


@click.group()
def alerts() -> None:
    """What happened that a person has to look at: a number that rests, an account that Retell refuses, ..."""


@alerts.command("list")
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="How far back to look.")
@click.option("--all", "everything", is_flag=True, help="Show acknowledged ones too.")
@json_option
def list_alerts(days: int, everything: bool, as_json: bool) -> None:
    """The alerts that nobody has acknowledged, the latest first."""
    from speechai.cli.session import opened
    from speechai.operation.alerts import open_alerts

    with opened() as context:
        found, zone = open_alerts(context, days=days, acknowledged=everything), context.settings.timezone
    if as_json:
        print_json([asdict(alert) for alert in found])
        return
    if not found:
        click.echo("No alerts." if everything else "No open alerts.")
        return
    # Few columns, so that an id stays on one line: it is copied into `alerts ack`.
    columns = ["alert", "what", "last", *(["seen by"] if everything else []), "times"]
    rows = [
        [a.id, a.words, local(a.last_at, zone), *([a.acknowledged_by] if everything else []), a.count] for a in found
    ]
    print_table("Alerts", columns, rows, numbers=1)


@alerts.command()
@click.argument("alert_ids", metavar="[ALERT]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every alert that `list` shows.")
@click.option("--by", default="operator", show_default=True, help="Who has looked.")
@json_option
def ack(alert_ids: tuple[str, ...], everything: bool, by: str, as_json: bool) -> None:
    """Say that somebody has looked at these alerts. One that is raised again is open again."""
    from speechai.cli.session import opened
    from speechai.operation.alerts import acknowledge, open_alerts

    if everything == bool(alert_ids):
        raise click.UsageError("name the alerts, or give --all")
    with opened() as context:
        wanted = [alert.id for alert in open_alerts(context)] if everything else list(alert_ids)
        done = [alert_id for alert_id in wanted if acknowledge(context, alert_id, by=by)]
    print_result(as_json, {"acknowledged": done}, f"{len(done)} of {len(wanted)} alerts acknowledged.")


COMMANDS = (alerts,)
