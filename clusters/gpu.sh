#!/usr/bin/env bash
# The study `laptop-gpu` on one GPU that is lent for half an hour; what it finished is frozen into results/.
#
#     [SCALE=laptop-gpu] [MINUTES=25] [JOBS=6] bash clusters/gpu.sh
#
# Where there is no network, bring ~/.cache/transferlaws (or what TRANSFERLAWS_CACHE names) from a machine
# that has prepared the corpora. Run again, it goes on: pre-training first, and one size and arm at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
scale=${SCALE:-laptop-gpu}

if command -v nvidia-cuda-mps-control >/dev/null; then
  nvidia-cuda-mps-control -d
  trap 'echo quit | nvidia-cuda-mps-control' EXIT
fi
ended=0
timeout --signal=TERM --kill-after=30 "${MINUTES:-25}m" \
  transferlaws run --scale "$scale" --jobs "${JOBS:-6}" || ended=$?
# 124: the time was up, which is what MINUTES is for.
[[ $ended == 0 || $ended == 124 ]] || exit "$ended"
transferlaws freeze --scale "$scale"
