"""Step kinds: one module for each, with its `KIND`. `app.wiring` registers every module here that has one."""
