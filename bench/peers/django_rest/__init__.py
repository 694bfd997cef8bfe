"""`POST /api/leads` in Django REST framework, simplejwt, django-auditlog and Celery. See `bench.django_web`."""
