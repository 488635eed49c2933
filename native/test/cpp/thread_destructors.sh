#!/bin/sh
# thread_destructors.sh OBJECT...
# The engine has no thread_local variable whose destructor would run at the end of a thread: MinGW frees such variables
# first (docs/decisions/0029), and a library that is unloaded before the thread ends is not there to run it.
# An object that registers one names the function in its symbols. (nm would take half a minute to list them all.)
found=$(grep -l -e __cxa_thread_atexit -e _tlv_atexit "$@")
case $? in
  0) echo "a thread_local variable with a destructor in $found"; exit 1 ;;
  1) exit 0 ;;
  *) exit 1 ;;  # an object could not be read
esac
