# Include directories of Node-API: from cmake-js, from the copies that the published package carries, or asked of the
# packages themselves under plain cmake in the checkout.
if(NOT DEFINED CMAKE_JS_INC)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/vendor/node-api-headers)
    set(CMAKE_JS_INC ${CMAKE_CURRENT_SOURCE_DIR}/vendor/node-api-headers ${CMAKE_CURRENT_SOURCE_DIR}/vendor/node-addon-api)
  else()
    find_program(FUSOR_NODE_EXECUTABLE node REQUIRED)
    set(CMAKE_JS_INC)
    foreach(expression "require('node-api-headers').include_dir" "require('node-addon-api').include_dir")
      execute_process(COMMAND ${FUSOR_NODE_EXECUTABLE} -p ${expression}
        WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
        OUTPUT_VARIABLE directory OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
      list(APPEND CMAKE_JS_INC ${directory})
    endforeach()
  endif()
endif()

# fusor_import_node(<target>): on Windows the functions of Node-API are imported from the program, by a library made of the
# list that comes with the headers. Delayed, so that src/binding/windows/host.cpp can say which program that is.
function(fusor_import_node target)
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/node-api)
  set(names)
  foreach(list js_native_api node_api)
    find_file(FUSOR_${list}_DEF ${list}.def PATHS ${CMAKE_JS_INC} PATH_SUFFIXES ../def NO_DEFAULT_PATH
      NO_CMAKE_FIND_ROOT_PATH REQUIRED)
    file(STRINGS ${FUSOR_${list}_DEF} lines REGEX "^(napi|node_api)_[a-z0-9_]+$")
    list(APPEND names ${lines})
  endforeach()
  list(REMOVE_DUPLICATES names)
  list(JOIN names "\n" text)
  file(CONFIGURE OUTPUT ${directory}/node.def CONTENT "LIBRARY node.exe\nEXPORTS\n${text}\n")
  fusor_import_library(fusor_node_import ${directory}/libnode.a
    --input-def ${directory}/node.def --output-delaylib ${directory}/libnode.a)
  add_dependencies(${target} fusor_node_import)
  target_link_libraries(${target} PRIVATE ${directory}/libnode.a)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${directory}/libnode.a)
endfunction()
