"""Routes: thin functions that read a request, ask whether it may be, and hand it to the part that does it."""

from taihang.app.api.routes import assets, findings, jobs, people, reports, session, system, uploads

ROUTERS = tuple(module.router for module in (system, session, people, uploads, assets, findings, reports, jobs))
