"""`deliver_to_user`: send a message that concerns no lead."""

from dataclasses import replace

from app.automation.handlers import deliver

KIND = replace(deliver.KIND, name="deliver_to_user", has_lead=False, read_ahead=1)
