"""Step kinds: one module per kind, with its `KIND`. `app.wiring` registers every module here that has one."""
