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
