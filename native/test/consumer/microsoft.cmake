# cmake -DCLANG=<clang> -DLINKER=<lld-link> -DLIB=<folder of fusor.dll and fusor.lib> -DKERNEL=<kernel32's import library>
#   -DWORK=<empty folder> -DEMULATOR=<command> -P microsoft.cmake
# Compiles microsoft.c for Microsoft's ABI and links it with fusor.lib, by LLVM's linker of Microsoft's kind, and runs it.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
file(COPY ${LIB}/fusor.dll DESTINATION ${WORK})
execute_process(COMMAND ${CLANG} --target=x86_64-pc-windows-msvc -O1 -fno-stack-protector -c ${CMAKE_CURRENT_LIST_DIR}/microsoft.c
  -o ${WORK}/microsoft.obj COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${LINKER} /nologo /entry:start /subsystem:console /nodefaultlib /out:${WORK}/microsoft.exe
  ${WORK}/microsoft.obj ${LIB}/fusor.lib ${KERNEL} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${EMULATOR} ${WORK}/microsoft.exe RESULT_VARIABLE status)
if(NOT status EQUAL 42)
  message(FATAL_ERROR "it ended with ${status}")
endif()
