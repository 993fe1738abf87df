#!/usr/bin/env bash
# pyrage 1.4.0: one flipped bit in the header of an age file is told as the wrong key. `decrypt_io` raises
# DecryptError("No matching keys found") for it, the same that it raises for an identity that is no recipient; a flipped
# bit behind the header is an OSError("decryption error"). Whoever is to tell damage from a wrong key needs a hash of the
# whole file, kept apart.
# Seen on 2026-11-30: the right identity, the same text for both.
# Exits 1 when they are told apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pyrage==1.4.0
cat >"$folder/header.py" <<'PYTHON'
import io
import sys

import pyrage


def told(data, identity):
    try:
        pyrage.decrypt_io(io.BytesIO(data), io.BytesIO(), [identity])
    except (pyrage.DecryptError, OSError) as error:
        return f"{type(error).__name__}: {error}"


identity = pyrage.x25519.Identity.generate()
whole = pyrage.encrypt(b"text", [identity.to_public()])
damaged = bytearray(whole)
damaged[60] ^= 1
damaged_says = told(bytes(damaged), identity)
stranger_says = told(whole, pyrage.x25519.Identity.generate())
print("a flipped bit:", damaged_says)
print("a stranger:   ", stranger_says)
sys.exit(damaged_says != stranger_says)
PYTHON
"$folder/venv/bin/python" "$folder/header.py"
