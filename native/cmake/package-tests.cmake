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
