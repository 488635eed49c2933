# Tests of what is shipped: the library's symbols, and a program that uses the installed package.
if(UNIX AND NOT APPLE AND NOT FUSOR_SANITIZE)
  add_test(NAME symbols_of_libfusor COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/check-symbols.sh
    $<TARGET_FILE:fusor> ${CMAKE_CURRENT_SOURCE_DIR}/include/fusor/fusor.h)
  if(TARGET fusor_shipped)
    add_test(NAME symbols_of_shipped_libfusor COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/check-symbols.sh
      $<TARGET_FILE:fusor_shipped> ${CMAKE_CURRENT_SOURCE_DIR}/include/fusor/fusor.h)
  endif()
  if(TARGET fusor_node)
    add_test(NAME symbols_of_fusor_node COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/check-symbols.sh
      $<TARGET_FILE:fusor_node>)
  endif()
  add_test(NAME installed_package COMMAND ${CMAKE_COMMAND} -DBUILD=${CMAKE_CURRENT_BINARY_DIR}
    -DWORK=${CMAKE_CURRENT_BINARY_DIR}/consumer -DGENERATOR=${CMAKE_GENERATOR} -DC_COMPILER=${CMAKE_C_COMPILER}
    -P ${CMAKE_CURRENT_SOURCE_DIR}/test/consumer/run.cmake)
endif()

if(WIN32)
  foreach(target fusor fusor_shipped)
    if(TARGET ${target})
      add_test(NAME exports_of_${target} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/scripts/check-dll.sh $<TARGET_FILE:${target}>
        ${FUSOR_EXPORTS})
    endif()
  endforeach()
  if(TARGET fusor_node)
    add_test(NAME imports_of_fusor_node COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/scripts/check-dll.sh $<TARGET_FILE:fusor_node>)
  endif()
  string(REPLACE ";" "$<SEMICOLON>" emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
  add_test(NAME installed_package COMMAND ${CMAKE_COMMAND} -DBUILD=${CMAKE_CURRENT_BINARY_DIR}
    -DWORK=${CMAKE_CURRENT_BINARY_DIR}/consumer -DGENERATOR=${CMAKE_GENERATOR} -DTOOLCHAIN=${CMAKE_TOOLCHAIN_FILE}
    "-DEMULATOR=${emulator}" -P ${CMAKE_CURRENT_SOURCE_DIR}/test/consumer/run.cmake)
  find_program(FUSOR_CLANG NAMES clang)
  find_program(FUSOR_LLD_LINK NAMES lld-link)
  find_library(FUSOR_KERNEL32 kernel32)
  if(FUSOR_CLANG AND FUSOR_LLD_LINK AND FUSOR_KERNEL32)
    add_test(NAME import_library_of_microsofts_kind COMMAND ${CMAKE_COMMAND} -DCLANG=${FUSOR_CLANG} -DLINKER=${FUSOR_LLD_LINK}
      -DLIB=${FUSOR_OUTPUT_DIRECTORY} -DKERNEL=${FUSOR_KERNEL32} -DWORK=${CMAKE_CURRENT_BINARY_DIR}/microsoft
      "-DEMULATOR=${emulator}" -P ${CMAKE_CURRENT_SOURCE_DIR}/test/consumer/microsoft.cmake)
  endif()
endif()
