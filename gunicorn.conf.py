"""How the API is served; gunicorn reads this file by itself."""

import gc
import os
from pathlib import Path
from typing import Any

bind = f"{os.environ.get('BIND_ADDRESS', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 20  # requests in flight when a stop is asked for
keepalive = 5

# A heartbeat file on a slow disk would look like a hung worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# Who is believed about the client's address and scheme is decided in one place: TRUSTED_PROXIES.
forwarded_allow_ips = ""


def post_worker_init(worker: Any) -> None:
    """A worker with a wrong key would seal what nobody can open. Other applications, of benchmarks, have none."""
    if worker.app.app_uri.startswith("app:"):
        from app.security.key_verification import require_right_keys  # noqa: PLC0415  (not in the arbiter, which is forked)

        require_right_keys()
    gc.freeze()  # what was imported stays: no request waits while garbage is looked for in it


control_socket_disable = True  # it would be shared by every installation of this user
errorlog = "-"
accesslog = None  # the application logs each request itself, with its id and without personal data
