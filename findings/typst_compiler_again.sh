#!/usr/bin/env bash
# typst 0.15.2 (Python): a Compiler made with a template as bytes compiles it once. The next compile() with other
# sys_inputs looks for a file __typst_py_bytes__.typ instead and raises TypstError "file not found"; a template from a
# file, or passed as bytes to compile() itself each time, compiles again and again.
# Seen on 2026-11-30: pdf, TypstError, pdf.
# Exits 1 when the second one is a PDF too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q typst==0.15.2
cd "$folder"
cat >again.py <<'PYTHON'
import sys

import typst

TEMPLATE = b"#sys.inputs.name"
compiler = typst.Compiler(TEMPLATE)
outcomes = []
for arguments in ({"sys_inputs": {"name": "a"}}, {"sys_inputs": {"name": "b"}}, {"input": TEMPLATE}):
    try:
        outcomes.append("pdf" if compiler.compile(format="pdf", **arguments).startswith(b"%PDF") else "?")
    except typst.TypstError as error:
        outcomes.append(f"TypstError {error}")
    print(outcomes[-1])
sys.exit([outcome.split()[0] for outcome in outcomes] != ["pdf", "TypstError", "pdf"])
PYTHON
venv/bin/python again.py
