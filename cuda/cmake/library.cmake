# fusor_cuda_library(<name> <folder> <objects>...): the shared library of a backend. It shows one symbol, and loads on glibc
# 2.28 and libstdc++ of gcc 8 (see native/cmake/glibc-compat.cmake for how).
set(FUSOR_CUDA_SYSTEM_LIBRARIES)
if(UNIX AND NOT APPLE)
  execute_process(COMMAND sh ${PROJECT_SOURCE_DIR}/../native/cmake/glibc-compat.sh
    ${PROJECT_BINARY_DIR}/glibc-compat ${CMAKE_C_COMPILER} COMMAND_ERROR_IS_FATAL ANY)
  set(FUSOR_CUDA_SYSTEM_LIBRARIES pthread dl rt)
endif()

function(fusor_cuda_library name folder)
  add_library(${name} SHARED ${ARGN})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(${name} PRIVATE -L${PROJECT_BINARY_DIR}/glibc-compat
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map -Wl,--exclude-libs,ALL -Wl,--gc-sections
    -Wl,-z,relro,-z,now -Wl,-z,nodelete)
  if(NOT FUSOR_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs $<$<CONFIG:Release>:-s>)
  endif()
  target_link_libraries(${name} PRIVATE ${FUSOR_CUDA_SYSTEM_LIBRARIES})
endfunction()
