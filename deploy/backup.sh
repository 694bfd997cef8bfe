#!/bin/sh
# Write a backup into FOLDER. Then delete the backups there that are older than DAYS. If a backup fails, none is deleted.
# Usage: backup.sh FOLDER [DAYS]
set -eu
folder=$1
days=${2:-14}
relance=$(dirname "$0")/../.venv/bin/relance
"$relance" backup "$folder/relance-$(date -u +%Y%m%dT%H%M%SZ).backup"
find "$folder" -maxdepth 1 -type f -name 'relance-*.backup' -mtime "+$days" -delete
