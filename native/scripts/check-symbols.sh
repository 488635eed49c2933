#!/bin/sh
# check-symbols.sh LIBRARY [HEADER]
# Fails if a shared library would not load on the oldest systems that Fusor supports (glibc 2.28, libstdc++ of gcc 8), if one for
# musl needs a library besides musl's, libstdc++ and libgcc_s, and, given the C header, if it exports anything but the
# functions that the header declares. OBJDUMP and NM name the tools for libraries of another processor.
set -eu
library=$1
header=${2:-}
status=0
[ -f "$library" ] || { echo "$library does not exist"; exit 1; }

# newest PREFIX: the newest version with this prefix among the symbols that the library asks for.
newest() {
  "${OBJDUMP:-objdump}" -T "$library" | grep -o "\b$1_[0-9][0-9.]*" | sed "s/$1_//" | sort -V | tail -n 1
}
for limit in GLIBC:2.28 GLIBCXX:3.4.25 CXXABI:1.3.11; do
  prefix=${limit%%:*} highest=${limit#*:}
  found=$(newest "$prefix")
  [ -n "$found" ] || continue
  if [ "$(printf '%s\n%s\n' "$found" "$highest" | sort -V | tail -n 1)" != "$highest" ]; then
    echo "$library needs ${prefix}_$found, but the limit is ${prefix}_$highest:"
    "${OBJDUMP:-objdump}" -T "$library" | grep "${prefix}_$found"
    status=1
  else
    echo "$library: $prefix $found <= $highest"
  fi
done

# musl's C library is needed by the name libc.so, or by Alpine's libc.musl-x86_64.so.1; its own loader takes both for itself.
needed=$("${OBJDUMP:-objdump}" -p "$library" | awk '$1 == "NEEDED" { print $2 }')
case $needed in
  *libc.so|*libc.so[!.]*|*libc.musl-*)
    others=$(printf '%s\n' "$needed" | grep -vxE 'libc\.so|libc\.musl-[a-z0-9_]+\.so\.1|libstdc\+\+\.so\.6|libgcc_s\.so\.1|libfusor\.so' || true)
    if [ -n "$others" ] || [ -n "$(newest GLIBC)" ]; then
      echo "$library is for musl, but needs $others and symbols of glibc: $(newest GLIBC)"
      status=1
    else
      printf '%s: for musl, needs' "$library"
      printf ' %s' $needed
      echo
    fi
    ;;
esac

if [ -n "$header" ]; then
  expected=$(grep -v '^#' "$header" | tr '\n' ' ' | grep -o 'FUSOR_API [^(]*(' | grep -o 'fusor_[a-z0-9_]*($' | tr -d '(' | sort)
  exported=$("${NM:-nm}" -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort)
  if [ "$expected" != "$exported" ]; then
    echo "$library does not export exactly what $header declares (< declared, > exported):"
    printf '%s\n' "$expected" > "${TMPDIR:-/tmp}/declared.$$"
    printf '%s\n' "$exported" | diff "${TMPDIR:-/tmp}/declared.$$" - || true
    rm -f "${TMPDIR:-/tmp}/declared.$$"
    status=1
  else
    echo "$library: exports the $(printf '%s\n' "$expected" | wc -l) functions of $header"
  fi
fi
exit $status
