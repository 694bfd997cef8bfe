"""The base class of step kinds' parameters, and the parameter types that several kinds share."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from app.automation.language.base import Strict
from app.automation.language.types.containers import Items
from app.automation.language.types.errors import Line
from app.automation.language.types.primitives import LONGEST_SLUG, Form, Named, OneOf, RegisteredName
from app.core.type_aliases import JsonObject
from app.leads.enums import LostReason
from app.messaging.channels.registry import CHANNELS


class Params(Strict):
    """The parameters of one step kind. The docstring of a subclass is the kind's description."""

    must_be: ClassVar[str] = "must be a mapping of settings"

    @classmethod
    def step_conflicts(cls, step: JsonObject) -> Iterator[Line]:  # noqa: ARG003
        """Yield the mistakes in the other parts of a sequence's step that has this action."""
        yield from ()


TemplateSlug = Annotated[
    str, Named("templates"), Field(description="The slug of a message template.", examples=["hello"])
]
StaffChannels = Annotated[
    list[Annotated[str, RegisteredName(CHANNELS.names_for_users)]],
    Items("must be a list of channels", most=20, least=1),
    Field(description="The channels of notifications to users.", examples=[["in_app", "email"]]),
]
LossReason = Annotated[LostReason, OneOf(), Field(description="Why the lead is lost.", examples=["NO_RESPONSE"])]
GatewaySlug = Annotated[
    str,
    Form(f"must be a gateway's slug, such as social-desk, of at most {LONGEST_SLUG}"),
    Field(description="The slug of one of the clinic's gateways.", examples=["social-desk"]),
]
AccountSlug = Annotated[
    str,
    Form(f"must be the slug of a sending account, such as newsletter, of at most {LONGEST_SLUG}"),
    Field(description="The slug of one of the clinic's sending accounts.", examples=["newsletter"]),
]
SequenceSlug = Annotated[str, Named("sequences"), Field(description="The slug of a sequence.", examples=["onboarding"])]
