#!/bin/sh
# thread_destructors.sh NM OBJECT...
# The engine has no thread_local variable whose destructor would run at the end of a thread: MinGW frees such variables
# first (docs/decisions/0029), and a library that is unloaded before the thread ends is not there to run it.
nm=$1
shift
status=0
for object in "$@"; do
  if "$nm" -u "$object" | grep -E '__cxa_thread_atexit|_tlv_atexit'; then
    echo "$object has a thread_local variable with a destructor"
    status=1
  fi
done
exit $status
