# Compiles for musl on x86-64 with the compiler that toolchain.sh makes of Debian's. What is built runs on this
# machine: musl's loader is part of musl-tools, and programs (not libraries) carry the path to the libstdc++ built there.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
get_filename_component(toolchain ${CMAKE_CURRENT_LIST_DIR}/../../build/musl/toolchain ABSOLUTE)
set(CMAKE_C_COMPILER ${toolchain}/bin/musl-gcc)
set(CMAKE_CXX_COMPILER ${toolchain}/bin/musl-g++)
# doctest is found there, and not in /usr/include among the headers of glibc.
set(CMAKE_FIND_ROOT_PATH ${toolchain})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
