"""`deliver_to_user`: hand over a message that is about no lead."""

from dataclasses import replace

from app.automation.handlers import deliver

KIND = replace(deliver.KIND, name="deliver_to_user", has_lead=False)
