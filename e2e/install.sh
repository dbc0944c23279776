#!/usr/bin/env bash
# Installs what the end-to-end checks run besides our own command: clients and servers nobody here wrote, in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

s3mock=$(sed -n 's/^S3MOCK_VERSION = "\(.*\)"/\1/p' e2e/servers.py)

python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r .ci/requirements.txt
mvn --quiet --batch-mode dependency:copy -Dartifact="com.adobe.testing:s3mock:$s3mock:jar:exec" \
    -DoutputDirectory="$PWD/.venv/s3mock" > /dev/null
python3 -m venv .venv/duckdb-s3
.venv/duckdb-s3/bin/pip install --quiet --disable-pip-version-check -r e2e/other_clients/duckdb_s3.requirements.txt
python3 -m venv .venv/athena-clients
.venv/athena-clients/bin/pip install --quiet --disable-pip-version-check -r e2e/other_clients/athena_clients.requirements.txt

# A real browser, from Debian's packages.
if ! command -v chromium > /dev/null; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "chromium is missing: install it, such as by \`sudo apt-get install chromium\`" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null
fi
