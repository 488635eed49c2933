#!/bin/sh
# glibc-compat.sh DIRECTORY COMPILER
# Makes link-time stubs libdl.so and libpthread.so whose symbols have the version names of glibc before 2.34, so that what
# is linked against them asks for those. Nothing of the stubs is loaded at run time: the real libraries answer.
set -e
directory=$1
compiler=${2:-cc}
# The name of a compiler's machine does not tell: what compiles for musl may be Debian's GCC with other specs.
printf '#include <limits.h>\n__GLIBC__\n' | "$compiler" -E -P -x c - | grep -qx '__GLIBC__' && exit 0
case $(uname -m)-$($compiler -dumpmachine) in
  *-x86_64-*) base=GLIBC_2.2.5 later=GLIBC_2.3.4 ;;
  *-aarch64-*) base=GLIBC_2.17 later=GLIBC_2.17 ;;
  *) exit 0 ;;
esac
mkdir -p "$directory"
cd "$directory"

# stub NAME SONAME VERSION:"symbols" ...
stub() {
  name=$1 soname=$2
  shift 2
  : > stub.c
  : > stub.map
  for group in "$@"; do
    printf '%s { global:' "${group%%:*}" >> stub.map
    for symbol in ${group#*:}; do
      echo "void $symbol(void){}" >> stub.c
      printf ' %s;' "$symbol" >> stub.map
    done
    printf ' };\n' >> stub.map
  done
  "$compiler" -shared -nostdlib -fno-builtin -w -Wl,-soname,"$soname" -Wl,--version-script,stub.map -o "lib$name.so" stub.c
}

threads="pthread_create pthread_join pthread_detach pthread_once pthread_key_create pthread_key_delete __pthread_key_create
  pthread_getspecific pthread_setspecific pthread_mutex_trylock pthread_mutexattr_init pthread_mutexattr_settype
  pthread_mutexattr_destroy pthread_sigmask pthread_attr_getstacksize pthread_attr_setstacksize sem_init sem_destroy sem_post sem_wait sem_trywait sem_timedwait"
# What the CUDA runtime's static library asks for besides.
threads="$threads pthread_kill pthread_mutexattr_setpshared pthread_condattr_setpshared pthread_spin_init pthread_spin_destroy
  pthread_spin_lock pthread_spin_trylock pthread_spin_unlock pthread_rwlockattr_init pthread_rwlockattr_destroy
  pthread_rwlockattr_setpshared pthread_rwlock_init pthread_rwlock_destroy pthread_rwlock_rdlock pthread_rwlock_tryrdlock
  pthread_rwlock_timedrdlock pthread_rwlock_wrlock pthread_rwlock_trywrlock pthread_rwlock_timedwrlock
  pthread_rwlock_unlock"
stub rt librt.so.1 "$base:shm_open shm_unlink"
if [ "$base" = "$later" ]; then
  stub dl libdl.so.2 "$base:dlopen dlsym dlerror dlclose dladdr dlvsym dlmopen"
else
  stub dl libdl.so.2 "$base:dlopen dlsym dlerror dlclose dladdr dlvsym" "$later:dlmopen"
fi
if [ "$base" = "$later" ]; then
  stub pthread libpthread.so.0 "$base:$threads pthread_setaffinity_np pthread_getaffinity_np"
else
  stub pthread libpthread.so.0 "$base:$threads" "$later:pthread_setaffinity_np pthread_getaffinity_np"
fi
rm -f stub.c stub.map
