# Shipped libraries must load on glibc 2.28 (GLIBCXX 3.4.25). glibc 2.34 moved dlopen, pthread_create and others into
# libc.so.6 under new version names; linking against small stub libraries that carry their old homes keeps the old names.
set(FUSOR_SYSTEM_LIBRARIES)
if(UNIX AND NOT APPLE)
  execute_process(COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/cmake/glibc-compat.sh ${CMAKE_CURRENT_BINARY_DIR}/glibc-compat
    ${CMAKE_C_COMPILER} COMMAND_ERROR_IS_FATAL ANY)
  # Not under sanitizers, whose reports want names, and whose operator new must be the one that libstdc++ calls, too.
  if(NOT FUSOR_SANITIZE)
    add_link_options(-L${CMAKE_CURRENT_BINARY_DIR}/glibc-compat -Wl,--exclude-libs,ALL -Wl,--gc-sections
      -Wl,-z,relro,-z,now $<$<CONFIG:Release>:-s>)
  endif()
  set(FUSOR_SYSTEM_LIBRARIES pthread dl)
endif()
