#!/bin/sh
# zig-musl.sh cc|c++ ARGUMENTS: `zig` as a compiler for x86-64 Linux with musl, called as GCC and Clang are. Zig spells the levels of
# x86-64 with underscores and takes every hyphen in -march for a feature to leave out.
for argument; do
  shift
  case $argument in
    -march=x86-64-v*) argument=-mcpu=x86_64_v${argument#-march=x86-64-v} ;;
  esac
  set -- "$@" "$argument"
done
language=$1
shift
exec "${FUSOR_ZIG:-zig}" "$language" -target x86_64-linux-musl "$@"
