#!/usr/bin/env bash
# What action.yml runs: its inputs, from the environment, as the words of tiny-amt verify.
set -euo pipefail

words=(verify --out "$OUT")
first=true
while IFS= read -r model; do
  [ -n "$model" ] || continue
  words+=(--model "$model")
  if $first; then
    while IFS= read -r case; do
      [ -n "$case" ] && words+=(--reference "$case")
    done <<< "$REFERENCE"
    first=false
  fi
done <<< "$MODEL"
[ "$MAKE_REFERENCE" = true ] && words+=(--make-reference)
read -ra tolerance <<< "$TOLERANCE"
read -ra relative <<< "$RELATIVE"
words+=(--runtimes "$RUNTIMES" --tolerance "${tolerance[@]}" --relative "${relative[@]}")

status=0
tiny-amt "${words[@]}" || status=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$OUT/summary.md" ]; then
  cat "$OUT/summary.md" >> "$GITHUB_STEP_SUMMARY"
fi
exit "$status"
