"""Personal numbers in findings: whole to who may read them, masked to everybody else, in every answer alike."""

from __future__ import annotations

import json

from fixtures import holdings, platforms

PHONE, SHOWN = "13812345678", "138******78"


def test_a_phone_number_is_masked_by_role(running: platforms.Running) -> None:
    made = holdings.everything(running, running.principal("north", "admin", "steward", "engineer"), PHONE)
    for role, clear in (("viewer", False), ("auditor", False), ("admin", False), ("steward", True)):
        reader = running.client(running.principal("north", role))
        listed = reader.get("/api/v1/findings").json()["items"]
        one = reader.get(f"/api/v1/versions/{made['version']}/findings/{made['finding']}").json()
        report = reader.get(f"/api/v1/reports/{made['report']}/json").json()
        for text in (json.dumps(listed[0]["finding"]), json.dumps(one["finding"]), json.dumps(report["findings"])):
            assert (PHONE in text) is clear
            assert (SHOWN in text) is not clear
