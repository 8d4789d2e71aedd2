#!/usr/bin/env bash
# Removes Phase 16 from this checkout and its data: see rollback_plan.md beside this file, which has the same commands.
set -euo pipefail
cd "$(dirname "$0")/../.."

backup="${BACKUP:?set BACKUP to a folder that does not exist yet: the stored data is copied there first}"
environment="${ENVIRONMENT:-.venv}"
data="${FOREGSYTE_DATA_DIR:-data}"
python="${PYTHON:-$environment/bin/python}"
export FOREGSYTE_DATABASE_URL="${FOREGSYTE_DATABASE_URL:-duckdb:///$data/foregsyte.duckdb}"

# 1. Nothing is changed while a server runs: the database is its own.
"$python" -m alembic current

# And nothing where a tracked file was changed: git would refuse to remove it, as the last step.
git diff --quiet HEAD -- || { echo "commit or undo what was changed in tracked files first: git status" >&2; exit 1; }

# 2. Backup.
mkdir "$backup"
cp -a "$data" "${FOREGSYTE_DATABASE_URL#duckdb:///}" "$backup"

# 3. The migrations, the last one first: the table of jobs and the type of their status.
"$python" -m alembic downgrade base

# 4. What alembic kept, the stored videos and results, and nothing else in their folders.
"$python" - "$data" <<'PYTHON'
import contextlib, pathlib, re, sys
from job_api.core.database import SessionLocal, engine
from sqlalchemy import text

with SessionLocal.begin() as session:
    session.execute(text("DROP TABLE alembic_version"))
engine.dispose()

name = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.mp4|_results\.json)"
stored = re.compile(rf"{name}|\.{name}\.[0-9a-f]{{32}}\.part")
for folder in (pathlib.Path(sys.argv[1], jobs) for jobs in ("video_jobs", "unknown_jobs")):
    for path in folder.glob("*"):
        if path.is_file() and not path.is_symlink() and stored.fullmatch(path.name):
            path.unlink()
    with contextlib.suppress(OSError):  # it is not there, or holds what is not ours
        folder.rmdir()
PYTHON
rm -rf -- "$data/staging" "$data/foregsyte.lock" "$data/foregsyte.database"

# 5. The package and the dependencies that it declares.
packages="$("$python" - <<'PYTHON'
import re, tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
declared = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
print(project["name"], *sorted({re.split(r"[^\w.-]", requirement)[0] for requirement in declared}))
PYTHON
)"
"$environment/bin/python" -m pip uninstall --yes $packages

# 6. The tracked files of these paths. Commit the removal yourself.
git rm -r --quiet -- .ci .github .importlinter .pre-commit-config.yaml alembic.ini benchmarks CHANGELOG.md CONTRIBUTING.md \
    data docs governance job_api job_client job_worker Makefile migrations NOTICE protos pyproject.toml README.md requirements \
    shared tests training
