"""`POST /api/leads`: one transaction for the lead, its timeline and its audit entry; two Celery tasks after it."""

import uuid
from datetime import timedelta
from typing import Any

from auditlog.context import set_actor
from django.db import transaction
from django.db.models import Q
from django.urls import path
from django.utils import timezone
from rest_framework.generics import CreateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from bench.peers.django_rest.models import Activity, Lead, Role, User
from bench.peers.django_rest.serializers import LeadSerializer
from bench.peers.django_rest.tasks import escalate, remind

REMIND_AFTER = timedelta(minutes=15)
ESCALATE_AFTER = timedelta(hours=24)


class MayCreateLeads(IsAuthenticated):
    def has_permission(self, request: Request, view: Any) -> bool:
        return super().has_permission(request, view) and request.user.role in Role


class LeadView(CreateAPIView):
    permission_classes = (MayCreateLeads,)
    serializer_class = LeadSerializer

    def perform_create(self, serializer: LeadSerializer) -> None:
        user, id = self.request.user, uuid.uuid4()  # noqa: A001
        with transaction.atomic(), set_actor(user):
            lead = serializer.save(
                id=id,
                clinic=user.clinic,
                assigned_to=next_coordinator(user.clinic_id, turn=id.int),
                duplicate_of=oldest_duplicate(user.clinic_id, serializer.validated_data),
            )
            Activity.objects.create(clinic=user.clinic, lead=lead, actor=user, kind="LEAD_CREATED")
            transaction.on_commit(lambda: send_follow_ups(lead))


def next_coordinator(clinic_id: uuid.UUID, *, turn: int) -> User | None:
    """Return a coordinator by the lead's random id, as Relance does: no lock, and equal shares over many leads."""
    team = list(
        User.objects.filter(clinic_id=clinic_id, role=Role.TREATMENT_COORDINATOR, is_active=True).order_by("id")
    )
    return team[turn % len(team)] if team else None


def oldest_duplicate(clinic_id: uuid.UUID, values: dict[str, Any]) -> Lead | None:
    given = {name: values[name] for name in ("email", "phone") if values.get(name)}
    same = Q(*given.items(), _connector=Q.OR)
    return Lead.objects.filter(same, clinic_id=clinic_id).order_by("created_at").first()


def send_follow_ups(lead: Lead) -> None:
    at = timezone.now()
    remind.apply_async((str(lead.id),), eta=at + REMIND_AFTER)
    escalate.apply_async((str(lead.id),), eta=at + ESCALATE_AFTER)


urlpatterns = [path("api/leads", LeadView.as_view())]
