#!/bin/sh
# check-exports.sh LIBRARY: fails if a backend's library shows anything but its one function.
set -eu
exported=$(nm -D --defined-only "$1" | awk '{ print $NF }' | sed 's/@.*//' | sort)
if [ "$exported" != fusor_backend_get ]; then
  echo "$1 exports:"
  echo "$exported"
  exit 1
fi
