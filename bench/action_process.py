"""A process that runs one action inside Relance, with its settings: `python -m bench.action_process NAME`."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from app.wiring import connect
from bench import (
    actions,
    fairness_actions,
    field_encryption,
    inbound_actions,
    large_database_actions,
    long_transaction_actions,
    mail_actions,
    part_costs,
    rule_timing,
    score_timing,
    sequence_actions,
    simulation_timing,
    webhook_actions,
)

ACTIONS: Mapping[str, Any] = {
    "open": actions.open_bench_clinic,
    "hire": actions.hire,
    "enqueue": actions.enqueue,
    "enqueue_mails": mail_actions.enqueue_mails,
    "enqueue_enrollments": sequence_actions.enqueue_enrollments,
    "open_clinics": large_database_actions.open_clinics,
    "add_burst": fairness_actions.add_burst,
    "add_webhook": webhook_actions.add_webhook,
    "record_events": webhook_actions.record_events,
    "encrypt_people": field_encryption.encrypt_people,
    "index_for_search": field_encryption.index_for_search,
    "time_part": part_costs.time_part,
    "time_encryption": field_encryption.time_encryption,
    "time_rules": rule_timing.time_rules,
    "time_scores": score_timing.time_scores,
    "time_simulation": simulation_timing.time_simulation,
    "roll_up": large_database_actions.roll_up,
    "time_census": large_database_actions.time_census,
    "time_sweep": large_database_actions.time_sweep,
    "prepare_answers": inbound_actions.prepare_answers,
    "time_batches": large_database_actions.time_batches,
    "drain_waves": long_transaction_actions.drain_waves,
}


if __name__ == "__main__":
    connect()
    print(json.dumps(ACTIONS[sys.argv[1]](json.load(sys.stdin)), default=str))
