import time, psycopg
from tests.support import crowd
from tests.support.practice import _open_practice, _person
from app.identity.models import Role
from app.db import transaction
def test_x(new_database, configure, postgres):
    import os
    from app import db
    from sqlalchemy import make_url
    from tests.support.environment import database_url
    name=make_url(new_database("crowd")).database
    configure(database_url=database_url("relance_web", name))
    db.dispose()
    for i in range(5):
        p=_open_practice()
        with transaction() as s: s.add_all([_person(p.clinic_id, Role.TREATMENT_COORDINATOR, f"u{i}-{n}@x.example") for n in range(20)])
    with postgres.connect(name) as owner:
        for st in ("_CROWD","_LEADS","_STEPS","_TASKS","_ACTIVITIES","_NOTIFICATIONS","_DELIVERIES"):
            pass
        orig=owner.execute
        t0=time.perf_counter()
        def ex(q,*a):
            t=time.perf_counter(); r=orig(q,*a); print(f"{time.perf_counter()-t:.1f}", str(q)[:60].replace("\n"," ")); return r
        owner.execute=ex
        crowd.fill(owner)
        print("total", time.perf_counter()-t0)
        for t in crowd.BIG: print(t, orig(f"select count(*) from {t}").fetchone())
        print(orig("select state,kind,count(*) from steps group by 1,2 order by 1,2").fetchall())
        print(orig("select status,count(*) from lead_tasks group by 1 order by 1").fetchall())
        print(orig("select count(*) from steps where state in ('planned','published') and due_at<=now()").fetchall())
    assert 0
