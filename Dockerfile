# One image for all parts. The command names a part of the Procfile.
FROM python:3.13.9-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    RELANCE_HOME=/var/lib/relance

RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/relance relance \
    && install --directory --owner relance --group relance /run/relance
WORKDIR /srv/relance

COPY requirements/run.txt requirements/run.txt
RUN pip install --require-hashes --prefer-binary -r requirements/run.txt

COPY . .
RUN pip install --no-deps --no-build-isolation --no-index --editable .

USER relance
ENTRYPOINT ["relance"]
CMD ["serve"]
