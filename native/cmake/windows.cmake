# Windows, by MinGW: what is linked, what is exported, and how kernels must be assembled. docs/decisions/0029.
# Windows 10, as Node 20 asks for. The system's functions are those of Unicode only.
add_compile_definitions(_WIN32_WINNT=0x0A00 UNICODE)
# The libraries of GCC and winpthreads go into what is built: no machine of a user has them.
add_link_options(-static $<$<CONFIG:Release>:-s>)
# WaitOnAddress
set(FUSOR_SYSTEM_LIBRARIES synchronization)
# Windows aligns stacks to 16 bytes, and GCC, where it writes tables to unwind them, cannot align them further
# (gcc.gnu.org/PR54412); still it may spill vectors of 32 and 64 bytes by moves that fault unless their address is a multiple
# of that. Kernels have no such tables and vectors of little alignment, so it has no reason to; for what it does all the same,
# the assembler (binutils 2.38) makes moves that take any address, and are as fast where it is aligned.
list(APPEND FUSOR_KERNEL_OPTIONS -Wa,-muse-unaligned-vector-move)
set(FUSOR_EXPORTS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/fusor.def)
if(NOT CMAKE_DLLTOOL)
  find_program(CMAKE_DLLTOOL dlltool REQUIRED)
endif()

# fusor_import_library(<target> <file> <what dlltool is told>...) makes an import library by a command of its own.
function(fusor_import_library target file)
  add_custom_command(OUTPUT ${file} COMMAND ${CMAKE_DLLTOOL} -m i386:x86-64 ${ARGN} VERBATIM)
  add_custom_target(${target} ALL DEPENDS ${file})
endfunction()
