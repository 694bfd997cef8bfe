"""Request and response of a lead, with the checks of Relance's schema."""

from typing import Any

import phonenumbers
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers

from bench.peers.django_rest.models import Lead, LeadSource, PatientRelationship


class SourceOfClinic(serializers.PrimaryKeyRelatedField):
    """The id of an active source of the user's clinic."""

    def get_queryset(self) -> QuerySet[LeadSource]:
        return LeadSource.objects.filter(clinic_id=self.context["request"].user.clinic_id, is_active=True)


class PhoneNumber(serializers.CharField):
    """Stored as E.164. A number without a country code belongs to the clinic's country."""

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        try:
            number = phonenumbers.parse(text, self.context["request"].user.clinic.region)
        except phonenumbers.NumberParseException:
            raise serializers.ValidationError("Not a phone number.") from None
        if number.extension or not phonenumbers.is_possible_number(number):
            raise serializers.ValidationError("Not a phone number.")
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


class LeadSerializer(serializers.ModelSerializer):
    source_id = SourceOfClinic(source="source", pk_field=serializers.UUIDField())
    phone = PhoneNumber(max_length=50, required=False, allow_blank=True)
    phone_alt = PhoneNumber(max_length=50, required=False, allow_blank=True)

    class Meta:
        model = Lead
        exclude = ("source",)
        read_only_fields = ("clinic", "status", "pipeline_stage", "assigned_to", "duplicate_of")

    def validate_email(self, email: str) -> str:
        return email.lower()

    def validate_patient_dob(self, day: Any) -> Any:
        if day and day > timezone.now().date():
            raise serializers.ValidationError("Must not be in the future.")
        return day

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not (attrs.get("phone") or attrs.get("email")):
            missing = ["Give a phone number or an e-mail address."]
            raise serializers.ValidationError({"phone": missing, "email": missing})
        is_other_person = attrs.get("patient_relationship", PatientRelationship.SELF) != PatientRelationship.SELF
        if is_other_person and not (attrs.get("patient_first_name") and attrs.get("patient_last_name")):
            raise serializers.ValidationError({"patient_first_name": ["The patient is another person."]})
        return attrs
