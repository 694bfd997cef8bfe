"""`python -m bench.peers.django_rest.prepare`: create tables, a clinic and a coordinator. Prints ids and a token."""

import json
import os
from datetime import timedelta

import django
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.django_rest.settings")
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415  (Django must be set up)

    from bench.peers.django_rest.models import Clinic, LeadSource, Role, User  # noqa: PLC0415  (as above)

    clinic = Clinic.objects.create(name="Bench", region="US")
    user = User.objects.create(clinic=clinic, email="ada@bench.example", role=Role.TREATMENT_COORDINATOR)
    source = LeadSource.objects.create(clinic=clinic, name="Website")
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(hours=10))
    print(json.dumps({"token": str(token), "source_id": str(source.id)}))


if __name__ == "__main__":
    main()
