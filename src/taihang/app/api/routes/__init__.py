"""Routes: thin functions that read a request, ask whether it may be, and hand it to the part that does it."""

from taihang.app.api.routes import (
    alerts,
    assets,
    certificates,
    deliveries,
    findings,
    jobs,
    ledger,
    lineage,
    people,
    policies,
    providers,
    quarantine,
    reports,
    retention,
    rules,
    schedules,
    session,
    system,
    tickets,
    tokens,
    uploads,
)

ROUTERS = tuple(
    module.router
    for module in (
        *(system, session, providers, people, tokens, policies),
        *(uploads, assets, lineage, findings, alerts, reports, certificates),
        *(jobs, schedules, tickets, rules, ledger),
        *(retention, quarantine, deliveries),
    )
)
