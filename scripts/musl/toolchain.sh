#!/bin/sh
# toolchain.sh DIRECTORY GCC_SOURCES
# Makes of Debian's compiler one for C++ on musl, which Debian has no package of. musl-tools has the C library and a GCC for
# C; missing are libstdc++ and libgcc_s, which are built here from the sources that Debian's GCC was built from
# (gcc-12-source). What comes of it:
#   DIRECTORY/bin/     musl-gcc, musl-g++
#   DIRECTORY/include/ libstdc++'s headers, and links to those of the kernel and to doctest
#   DIRECTORY/lib/     libstdc++.so.6 and libgcc_s.so.1, as programs on Alpine find them in /usr/lib
# Only headers and the libraries' names go into what is built by it: a user's own libstdc++ answers at run time.
set -eu
mkdir -p "$1"
directory=$(cd "$1" && pwd)
archive=$2
specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
cd "$directory"
rm -rf bin include lib source build prefix
mkdir bin include lib source build

echo "unpacking $archive"
tar -xJf "$archive" -C source --strip-components=1 --wildcards --exclude='*/testsuite/*' \
  '*/libstdc++-v3/*' '*/libgcc/*' '*/config/*' '*/include/*' '*/gcc/*.h' '*/gcc/*.def' '*/gcc/BASE-VER' '*/gcc/DATESTAMP' \
  '*/libiberty/*' '*/libbacktrace/*.awk' '*/config*' '*/*.sh' '*/lt*' '*/move-if-change' '*/install-sh' '*/mkinstalldirs' '*/missing' '*/compile' '*/depcomp'
# Its own tests are 60 MB and not run here.
mkdir -p source/libstdc++-v3/testsuite
printf 'all install:\n' > source/libstdc++-v3/testsuite/Makefile.in

# ---- compilers ----------------------------------------------------------------------------------------------------------
# Debian's specs look for no header but musl's, so the kernel's come last. They link what unwinds the stack statically, from
# Debian's libgcc_eh.a, which asks for glibc's _dl_find_object: here it is libgcc_s.
# Nor do they ask the linker for the table that the way up the stack is found by, without which no exception is caught.
# Programs find the two libraries where they were made; a library is not told so, since users' lie elsewhere.
for headers in linux asm-generic doctest; do ln -s /usr/include/$headers include/$headers; done
ln -s /usr/include/x86_64-linux-gnu/asm include/asm
sed -e "s|^-L/usr/lib/x86_64-linux-musl|-L$directory/lib &|" \
  -e 's|^libgcc.a%s .*|libgcc.a%s %{shared-libgcc:-lgcc_s}|' \
  -e "s|-nostdlib %{shared:-shared}|--eh-frame-hdr & %{!shared:-rpath $directory/lib} -rpath-link $directory/lib --as-needed|" \
  -e "s|-isystem include%s|& -idirafter $directory/include|" "$specs" > musl-c.specs
# In C++ libstdc++'s headers come before the C library's, which they include the next of.
sed -e "s|-nostdinc -isystem|-nostdinc -nostdinc++ -isystem $directory/include/c++ \
-isystem $directory/include/c++/x86_64-linux-musl -isystem $directory/include/c++/backward -isystem|" musl-c.specs > musl-c++.specs
printf '#!/bin/sh\nexec gcc "$@" -specs=%s\n' "$directory/musl-c.specs" > bin/musl-gcc
printf '#!/bin/sh\nexec g++ "$@" -specs=%s\n' "$directory/musl-c++.specs" > bin/musl-g++
chmod +x bin/musl-gcc bin/musl-g++

# ---- libgcc_s -----------------------------------------------------------------------------------------------------------
# What finds its way up the stack, thread-local variables of compilers without them, and arithmetic on two words, which
# libgcc.a has for programs alone (hidden). GCC's build makes these headers of its configuration:
echo 'building libgcc_s'
mkdir build/libgcc
cd build/libgcc
cat > tconfig.h << 'END'
#define USED_FOR_TARGET
#define IN_LIBGCC2
#define HAVE_LD_EH_FRAME_HDR 1
#define USE_PT_GNU_EH_FRAME
#define HAVE_GETIPINFO 1
END
cat > tm.h << 'END'
#define BITS_PER_UNIT 8
#define UNITS_PER_WORD 8
#define MIN_UNITS_PER_WORD 8
#define DWARF_REG_TO_UNWIND_COLUMN(number) (number)
END
: > auto-target.h
echo '#include "config/i386/value-unwind.h"' > libgcc_tm.h
echo '#include "config/i386/linux-unwind.h"' > md-unwind-support.h
ln -s ../../source/libgcc/gthr-posix.h gthr-default.h
compile() {
  ../../bin/musl-gcc -c -O2 -g0 -fPIC -fexceptions -fno-stack-protector -w -fbuilding-libgcc -DSHARED -DIN_GCC -I. \
    -I../../source/libgcc -I../../source/gcc -I../../source/include "$@"
}
# The unwinder remembers what it found in a list, for which it relies on glibc's lock around dl_iterate_phdr. musl holds none
# there, so that two threads that throw at once can tie the list into a ring, in which both then run for ever (15 lines that
# do nothing else hang in two of five runs). Without the list it looks anew each time.
sed -i 's/size >= sizeof (struct ext_dl_phdr_info)/0/' ../../source/libgcc/unwind-dw2-fde-dip.c
for name in unwind-dw2 unwind-dw2-fde-dip unwind-c emutls; do compile ../../source/libgcc/$name.c -o $name.o; done
for name in muldi3 negdi2 lshrdi3 ashldi3 ashrdi3 cmpdi2 ucmpdi2 divdi3 moddi3 divmoddi4 udivdi3 umoddi3 udivmoddi4 \
  clz clzsi2 clzdi2 ctzsi2 ctzdi2 ffssi2 ffsdi2 clrsbsi2 clrsbdi2 popcount_tab popcountsi2 popcountdi2 paritysi2 paritydi2 \
  bswapsi2 bswapdi2 mulsc3 muldc3 mulxc3 divsc3 divdc3 divxc3 powisf2 powidf2 powixf2; do
  compile -DL_$name ../../source/libgcc/libgcc2.c -o $name.o
done
../../bin/musl-gcc -shared -nostdlib -Wl,-z,defs -Wl,-soname,libgcc_s.so.1 -o ../../lib/libgcc_s.so.1 ./*.o \
  -L/usr/lib/x86_64-linux-musl -lc -lgcc
ln -s libgcc_s.so.1 ../../lib/libgcc_s.so
cd ../..

# ---- libstdc++ ----------------------------------------------------------------------------------------------------------
# Built as on the machine it is for, which this is: its configuration runs programs for musl.
echo 'building libstdc++'
mkdir build/libstdc++
cd build/libstdc++
CC="$directory/bin/musl-gcc" CXX="$directory/bin/musl-gcc -shared-libgcc -nostdinc++" CFLAGS='-O2 -g0' CXXFLAGS='-O2 -g0' \
  ../../source/libstdc++-v3/configure --quiet --build=x86_64-linux-musl --host=x86_64-linux-musl --prefix="$directory/prefix" \
  --with-gxx-include-dir="$directory/include/c++" --disable-multilib --disable-nls --disable-libstdcxx-pch --disable-static \
  --enable-symvers=gnu > configure.log 2>&1 || { tail -n 20 configure.log >&2; exit 1; }
make -j"$jobs" > make.log 2>&1 || { tail -n 40 make.log >&2; exit 1; }
make install > install.log 2>&1 || { tail -n 40 install.log >&2; exit 1; }
cd ../..
find prefix -name 'libstdc++.so*' ! -name '*.py' -exec cp -a {} lib/ \;
rm -rf prefix build source
