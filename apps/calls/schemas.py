"""Shapes for the OpenAPI document; they describe, they do not parse."""

from __future__ import annotations

from rest_framework import serializers


class FunctionRequestSchema(serializers.Serializer[None]):
    name = serializers.CharField(help_text="The function, with or without a version suffix.")
    args = serializers.DictField(
        required=False, help_text="What the caller said; see the functions' schemas."
    )
    call = serializers.DictField(required=False, help_text="The provider's call object.")


class RequestedSchema(serializers.Serializer[None]):
    date_from = serializers.DateField(allow_null=True)
    date_to = serializers.DateField(allow_null=True)
    time_from = serializers.CharField(allow_null=True)
    time_to = serializers.CharField(allow_null=True)
    missing = serializers.ListField(child=serializers.ChoiceField(choices=["date", "time"]))


class ServiceSchema(serializers.Serializer[None]):
    slug = serializers.CharField()
    name = serializers.CharField()
    duration_minutes = serializers.IntegerField()


class SlotSchema(serializers.Serializer[None]):
    slot = serializers.CharField()
    start = serializers.DateTimeField()
    say = serializers.CharField()


class AppointmentSchema(serializers.Serializer[None]):
    reference = serializers.CharField()
    start = serializers.DateTimeField()
    service = serializers.CharField()
    branch = serializers.CharField()
    status = serializers.CharField()


class CallerSchema(serializers.Serializer[None]):
    known = serializers.BooleanField()
    name = serializers.CharField(allow_null=True)


class BranchSchema(serializers.Serializer[None]):
    slug = serializers.CharField()
    name = serializers.CharField()
    open_now = serializers.BooleanField()
    next_opening = serializers.DateTimeField(allow_null=True)


class NowSchema(serializers.Serializer[None]):
    iso = serializers.DateTimeField()
    say = serializers.CharField()


class EnvelopeSchema(serializers.Serializer[None]):
    status = serializers.CharField()
    say = serializers.CharField()
    booked = serializers.BooleanField()
    confirmation = serializers.ChoiceField(choices=["full", "brief", "none"])
    requested = RequestedSchema(allow_null=True)
    service = ServiceSchema(allow_null=True)
    slot = SlotSchema(allow_null=True)
    alternatives = SlotSchema(many=True)
    appointment = AppointmentSchema(allow_null=True)
    appointments = AppointmentSchema(many=True, required=False, help_text="list_appointments")
    services = ServiceSchema(many=True, required=False, help_text="list_services, get_call_context")
    caller = CallerSchema(required=False, help_text="get_call_context")
    branch = BranchSchema(required=False, help_text="get_call_context")
    now = NowSchema(required=False, help_text="get_call_context")
    more = serializers.IntegerField(required=False, help_text="How many a cut list left out.")


class InboundAnswerSchema(serializers.Serializer[None]):
    call_inbound = serializers.DictField()
