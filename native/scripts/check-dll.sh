#!/bin/sh
# check-dll.sh LIBRARY [LIST]
# Fails if a library for Windows needs another that Windows 10 does not have, if it moves vectors of more than 16 bytes by
# instructions that fault where memory is not aligned to them (see cmake/windows.cmake), or, given a list of exports (cmake/fusor.def), if it
# exports anything else. OBJDUMP names the tool.
set -eu
library=$1
list=${2:-}
objdump=${OBJDUMP:-x86_64-w64-mingw32-objdump}
status=0
[ -f "$library" ] || { echo "$library does not exist"; exit 1; }

# The import table names each library once; delayed ones (node.exe) are in a table of their own, which objdump leaves out.
needed=$("$objdump" -p "$library" | sed -n 's/^[[:space:]]*DLL Name: //p' | sort)
for name in $needed; do
  case $name in
    KERNEL32.dll | msvcrt.dll | api-ms-win-core-synch-l1-2-0.dll | fusor.dll) ;;
    *)
      echo "$library needs $name"
      status=1
      ;;
  esac
done
echo "$library: needs" $needed

# Those between registers take no address.
aligned=$("$objdump" -d --no-show-raw-insn "$library" | grep -E '\bvmov(ap[sd]|dqa(32|64)?)[[:space:]].*\(' | grep -c '%[yz]mm' || true)
if [ "$aligned" != 0 ]; then
  echo "$library: $aligned moves of vectors of more than 16 bytes that fault unless aligned"
  status=1
fi

if [ -n "$list" ]; then
  expected=$(sed -n 's/^  \(fusor_[a-z0-9_]*\)$/\1/p' "$list" | sort)
  exported=$("$objdump" -p "$library" | sed -n '/\[Ordinal\/Name Pointer\] Table/,$p' | sed -n 's/^[[:space:]]*\[ *[0-9]*\].* \([A-Za-z0-9_]*\)$/\1/p' | sort)
  if [ "$expected" != "$exported" ]; then
    echo "$library does not export exactly what $list lists: $exported"
    status=1
  else
    echo "$library: exports the $(printf '%s\n' "$expected" | wc -l) functions of $list"
  fi
fi
exit $status
