# Cross-compiles for Linux with musl by Zig, which brings musl and a C++ library (libc++, linked in, so that nothing of the
# system's C++ library is needed): FUSOR_ZIG is the path of `zig`.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER ${CMAKE_CURRENT_LIST_DIR}/zig-musl.sh cc)
set(CMAKE_CXX_COMPILER ${CMAKE_CURRENT_LIST_DIR}/zig-musl.sh c++)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
