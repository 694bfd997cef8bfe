"""Traces: from the call that captures a lead to the sent mail, over real processes and a real collector."""

import httpx

from tests.support.chaos import Scene, call_task, mail_to_lead, ready
from tests.support.collector import Collector, Span
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer

CALLER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")  # trace and span of the caller
PERSONAL = {"first_name": "Xaverine", "last_name": "Quillfeather", "email": "x.quill@canary.example"}


def only(collector: Collector, name: str) -> Span:
    wait_until(lambda: bool(collector.spans(name)), 60, f"the span {name}")
    [span] = collector.spans(name)
    return span


def test_mail_is_traced_back_to_the_call_that_captured_the_lead(
    scene: Scene, mail_server: SmtpServer, collector: Collector
) -> None:
    worker = scene.start_worker("steps,sweeps,deliveries")
    clinic = scene.open(call_task(), mail_to_lead("1 second"))
    ready(worker)
    token = f"Bearer {clinic.token}"
    headers = {
        "Authorization": token,
        "traceparent": f"00-{CALLER[0]}-{CALLER[1]}-01",
        "X-Request-Id": "from-the-form-7",
    }
    body = {**clinic.lead_data(1), **PERSONAL}
    answer = httpx.post(f"{clinic.url}/api/leads", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    scene.results.wait_for({"deliver": 1})

    request, written, sent = (
        only(collector, name) for name in ("POST /api/leads", "step send_message", "step deliver")
    )
    assert (request.trace, request.parent, request.service) == (*CALLER, "relance")
    assert written.links == [(request.trace, request.id)]
    assert sent.links == [(request.trace, request.id), (written.trace, written.id)]
    assert written.parent == sent.parent == ""
    assert {span.attributes["relance.request_id"] for span in (request, written, sent)} == {"from-the-form-7"}
    assert [span.name for span in collector.children(written)] == ["claim", "load", "decide", "write"]
    assert {span.name for span in collector.children(sent)} >= {"claim", "decide", "write", "call"}
    assert sent.attributes["relance.lead_id"] == answer.json()["id"]
    assert (sent.attributes["relance.result"], request.attributes["http.response.status_code"]) == ("done", 201)
    (web,) = [process for process in scene.processes.started if process.name == "web"]
    assert f'"trace_id":"{request.trace}"' in web.output()
    shown = repr(collector.received).lower()
    assert not [word for word in PERSONAL.values() if word.lower() in shown]


def test_work_goes_on_and_processes_stop_while_the_collector_is_away(scene: Scene, mail_server: SmtpServer) -> None:
    scene.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    worker = scene.start_worker("steps,sweeps,deliveries")
    clinic = scene.open(mail_to_lead())
    ready(worker)
    assert clinic.capture(5)
    scene.results.wait_for({"deliver": 5})
    assert worker.stop() == 0
