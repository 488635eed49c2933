# cmake -DBUILD=<build of fusor> -DWORK=<empty folder> -DGENERATOR=<generator> -DC_COMPILER=<cc> [-DTOOLCHAIN=<file>]
#   [-DEMULATOR=<command>] -P run.cmake
# Installs that build into a prefix, then configures, builds and runs the consumer against the prefix alone.
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} COMMAND_ERROR_IS_FATAL ANY)
set(compiler -DCMAKE_C_COMPILER=${C_COMPILER})
if(TOOLCHAIN)
  set(compiler -DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN} -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH)
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G ${GENERATOR}
  -DCMAKE_PREFIX_PATH=${prefix} ${compiler} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
if(EXISTS ${prefix}/lib/fusor.dll)
  # Windows looks beside the program.
  file(COPY ${prefix}/lib/fusor.dll DESTINATION ${WORK}/build)
  execute_process(COMMAND ${EMULATOR} ${WORK}/build/consumer.exe COMMAND_ERROR_IS_FATAL ANY)
else()
  execute_process(COMMAND ${WORK}/build/consumer COMMAND_ERROR_IS_FATAL ANY)
endif()
