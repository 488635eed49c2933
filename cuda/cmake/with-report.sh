#!/bin/sh
# with-report.sh COMMAND... -o OBJECT ...: runs a compilation and keeps what the assembler says of each kernel in OBJECT.ptxas.
# Of what --keep-dir=DIR leaves behind, only the PTX stays. scripts/resources.mjs reads both.
previous=
object=
kept=
for argument; do
  [ "$previous" = -o ] && object=$argument
  case $argument in --keep-dir=*) kept=${argument#--keep-dir=} ;; esac
  previous=$argument
done
[ -n "$kept" ] && rm -rf "$kept" && mkdir -p "$kept"
"$@" 2>"$object.ptxas"
status=$?
grep -v -e '^ptxas info ' -e '^ *[0-9]* bytes stack frame' "$object.ptxas" >&2
[ -n "$kept" ] && find "$kept" -type f ! -name '*.ptx' -exec rm {} +
exit $status
