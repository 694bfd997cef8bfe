"""Clinics, users, sources, leads and their timeline. django-auditlog records each new lead."""

import uuid

from auditlog.registry import auditlog
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Role(models.TextChoices):
    TREATMENT_COORDINATOR = "TREATMENT_COORDINATOR"
    CLINIC_ADMIN = "CLINIC_ADMIN"


class PatientRelationship(models.TextChoices):
    SELF = "SELF"
    CHILD = "CHILD"
    SPOUSE = "SPOUSE"
    OTHER = "OTHER"


class PreferredContact(models.TextChoices):
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    TEXT = "TEXT"
    ANY = "ANY"


class TreatmentInterest(models.TextChoices):
    BRACES_METAL = "BRACES_METAL"
    BRACES_CLEAR = "BRACES_CLEAR"
    INVISALIGN = "INVISALIGN"
    RETAINER = "RETAINER"
    SECOND_OPINION = "SECOND_OPINION"
    GENERAL_INQUIRY = "GENERAL_INQUIRY"


class Clinic(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=200)
    region = models.CharField(max_length=2)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> models.QuerySet["User"]:
        return super().get_queryset().select_related("clinic")  # one query for both at the sign-in of each request


class User(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="users")
    email = models.EmailField(unique=True)
    role = models.CharField(max_length=30, choices=Role.choices)
    is_active = models.BooleanField(default=True)

    objects = UserManager()

    USERNAME_FIELD = "email"


class LeadSource(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Lead(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE)
    status = models.CharField(max_length=20, default="NEW")
    pipeline_stage = models.CharField(max_length=50, default="new_lead")
    assigned_to = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    duplicate_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True)
    patient_first_name = models.CharField(max_length=100, blank=True)
    patient_last_name = models.CharField(max_length=100, blank=True)
    patient_dob = models.DateField(null=True, blank=True)
    patient_relationship = models.CharField(
        max_length=20, choices=PatientRelationship.choices, default=PatientRelationship.SELF
    )
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=50, blank=True)
    phone_alt = models.CharField(max_length=50, blank=True)
    preferred_contact = models.CharField(
        max_length=20, choices=PreferredContact.choices, default=PreferredContact.PHONE
    )
    preferred_time = models.CharField(max_length=100, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=35, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    source = models.ForeignKey(LeadSource, on_delete=models.PROTECT)
    source_campaign = models.CharField(max_length=200, blank=True)
    source_detail = models.CharField(max_length=500, blank=True)
    lead_value = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    treatment_interest = ArrayField(models.CharField(max_length=30, choices=TreatmentInterest.choices), default=list)
    insurance_carrier = models.CharField(max_length=100, blank=True)
    insurance_member_id = models.CharField(max_length=100, blank=True)
    notes = models.TextField(max_length=10_000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = (
            models.Index("clinic", "email", name="lead_by_email"),
            models.Index("clinic", "phone", name="lead_by_phone"),
            models.Index("clinic", "status", "created_at", name="lead_by_status"),
        )

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Activity(models.Model):
    """A row of a lead's timeline."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    kind = models.CharField(max_length=30)
    occurred_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.kind


auditlog.register(Lead)
