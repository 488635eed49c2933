#!/bin/sh
# simd_symbols.sh NM OBJECT...
# Objects of one instruction set may share no code with others: a function that several of them define (weak, W or V;
# unique, u) is kept once by the linker, perhaps the copy that only the newest processors can run. Nor may they run code
# at load (initialisers), before the processor was asked.
nm=$1
shift
status=0
for object in "$@"; do
  found=$("$nm" -C "$object" | grep -E '^[0-9a-f]+ [uVWvw] |_GLOBAL__sub_I|__static_initialization')
  if [ -n "$found" ]; then
    echo "$object:"
    echo "$found"
    status=1
  fi
done
exit $status
