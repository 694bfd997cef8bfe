"""Which test files `make near` runs."""

from pathlib import Path

from tests.support.near import nearest, within_budget

DIFF = """diff --git a/app/leads/merging.py b/app/leads/merging.py
--- a/app/leads/merging.py
+++ b/app/leads/merging.py
@@ -1 +1 @@
-    return survivor
+    return survivor or duplicate
diff --git a/app/api/console/static/main.js b/app/api/console/static/main.js
--- a/app/api/console/static/main.js
+++ b/app/api/console/static/main.js
@@ -1 +1 @@
+const opening = 1
"""
FILES = {
    "tests/api/test_merges.py": "survivor = duplicate = 1",
    "tests/api/test_opening.py": "opening = 1",
    "tests/unit/test_merging.py": "from app.leads import merging",
    "tests/unit/test_other.py": "from app.leads import other",
}


def test_files_that_import_a_changed_module_come_first_then_those_with_its_words(tmp_path: Path):
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    found = [path for path, _ in nearest(DIFF, tmp_path)]
    assert found[:2] == ["tests/unit/test_merging.py", "tests/api/test_merges.py"]
    assert "tests/api/test_opening.py" not in found  # the word is in a built file only


def test_changed_test_file_is_the_nearest(tmp_path: Path):
    (tmp_path / "tests/unit").mkdir(parents=True)
    for name in ("merging", "other"):
        (tmp_path / f"tests/unit/test_{name}.py").write_text("from app.leads import merging")
    diff = DIFF + "diff --git a/x b/x\n--- a/x\n+++ b/tests/unit/test_other.py\n@@ -0 +1 @@\n+pass\n"
    assert [path for path, _ in nearest(diff, tmp_path)] == ["tests/unit/test_other.py", "tests/unit/test_merging.py"]


def test_files_run_until_the_time_is_used_up():
    seconds = {"tests/unit/a.py": 30.0, "tests/unit/b.py": 30.0, "tests/unit/c.py": 30.0}
    assert within_budget([*seconds], seconds, 70) == ["tests/unit/a.py", "tests/unit/b.py"]
    assert within_budget([*seconds], seconds, 10) == ["tests/unit/a.py"]
    assert len(within_budget(["tests/console/a.py", "tests/console/b.py"], {}, 40)) == 1  # 30 seconds each, if unknown
