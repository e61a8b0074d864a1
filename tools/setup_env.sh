#!/usr/bin/env bash
# Makes the environment that the README's commands use. Does nothing if it is there and the requirements have not changed.
#   VENV    where (default .venv)        PYTHON  which interpreter (default python3.11, else python3)
#   TORCH   what to install as torch (default: the tested version). A torch that is already in the environment stays, so
#           for a CUDA build either install it into VENV beforehand or name it here.
# mmcv: the pure-Python mmcv-lite, unless the environment already has an mmcv (a compiled one, say).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
python=${PYTHON:-$(command -v python3.11 || command -v python3)}
stamp=$venv/.mplug2-$(cat requirements/*.txt setup.py tools/setup_env.sh | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit 0

pinned() { grep -E "^$1==" requirements/constraints.txt; }
has() { "$venv/bin/python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)"; }

echo "setting up $venv (a few minutes the first time)"
[ -x "$venv/bin/python" ] || "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "$python is older than 3.11, which the pinned versions need (requirements/constraints.txt): name another by PYTHON=..." >&2
  exit 1
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip "$1" --quiet --disable-pip-version-check "${@:2}" 2> >(grep -v -e 'Location' -e 'is ignored' >&2); }
pip install wheel "$(pinned setuptools)"
# torch comes first and pinned: asked for by another package it would bring a CUDA build of several gigabytes.
has torch || pip install ${TORCH:-$(pinned torch)}
# The others are pinned to the tested versions, beside the torch that is there.
constraints=$venv/constraints.txt
{
  grep -v '^torch==' requirements/constraints.txt
  "$venv/bin/python" -c 'import importlib.metadata as m; print("torch==" + m.version("torch"))'
} > "$constraints"
pip install -c "$constraints" $(for name in runtime mini tests optional openmmlab search serve analysis peft ray docs; do
  echo -r "requirements/$name.txt"
done)
has mmcv || pip install --no-deps "$(pinned mmcv-lite)"
pip install --no-deps "$(pinned mmdet)" "$(pinned mmaction2)" # their own lists would bring a compiled mmcv or another torch
# MMEngine asks for the OpenCV with windows, which needs a screen's libraries and unpacks into the same folder: ours goes on top.
pip install --no-deps --force-reinstall "$(pinned opencv-python-headless)"
pip install --no-deps --no-build-isolation --editable .
rm -f "$venv"/.mplug2-*
touch "$stamp"
