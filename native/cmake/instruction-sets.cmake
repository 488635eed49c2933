# Compiles every *.simd.cpp once per instruction set, in a namespace of its own (see src/cpu/isa/kernel_set.h).
#   fusor_add_instruction_sets(<variable for the objects> <sources>...)
# also sets FUSOR_INSTRUCTION_SET_DEFINITIONS, which tell the dispatcher what was built, and in <variable>_for_tests the objects
# of the set that is there for tests only.
function(fusor_add_instruction_set objects name namespace bytes registers)
  cmake_parse_arguments(set "" "" "FLAGS;SOURCES" ${ARGN})
  add_library(fusor_simd_${namespace} OBJECT ${set_SOURCES})
  target_include_directories(fusor_simd_${namespace} PRIVATE include src)
  # GCC 12 takes the undefined merge source inside its own AVX-512 intrinsics for an uninitialized variable.
  target_compile_options(fusor_simd_${namespace} PRIVATE ${set_FLAGS} -fno-trapping-math -Wno-uninitialized -Wno-maybe-uninitialized)
  target_compile_definitions(fusor_simd_${namespace} PRIVATE FUSOR_SIMD_NAME="${name}"
    FUSOR_SIMD_NAMESPACE=${namespace} FUSOR_SIMD_BYTES=${bytes} FUSOR_SIMD_REGISTERS=${registers})
  set(${objects} ${${objects}} $<TARGET_OBJECTS:fusor_simd_${namespace}> PARENT_SCOPE)
endfunction()

function(fusor_add_instruction_sets objects)
  set(result)
  set(for_tests)
  set(definitions)
  if(NOT "${ARGN}" STREQUAL "")
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
      fusor_add_instruction_set(result baseline baseline 16 16 FLAGS -march=x86-64-v2 SOURCES ${ARGN})
      fusor_add_instruction_set(result avx2 avx2 32 16 FLAGS -march=x86-64-v3 SOURCES ${ARGN})
      # GCC 12 takes the undefined pass-through operands of its own AVX-512 intrinsics for a mistake of ours.
      fusor_add_instruction_set(result avx512 avx512 64 32
        FLAGS -march=x86-64-v4 -mprefer-vector-width=512 -Wno-uninitialized -Wno-maybe-uninitialized SOURCES ${ARGN})
      if(FUSOR_EMULATED_SETS)
        fusor_add_instruction_set(for_tests avx512-emulated avx512_emulated 64 32 FLAGS -march=x86-64-v3 SOURCES ${ARGN})
      endif()
      set(definitions FUSOR_HAS_X86_SETS)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
      fusor_add_instruction_set(result neon neon 16 32 SOURCES ${ARGN})
      set(definitions FUSOR_HAS_NEON)
    else()
      message(FATAL_ERROR "fusor: no kernels for the processor ${CMAKE_SYSTEM_PROCESSOR}")
    endif()
  endif()
  set(${objects} ${result} PARENT_SCOPE)
  set(${objects}_for_tests ${for_tests} PARENT_SCOPE)
  set(FUSOR_INSTRUCTION_SET_DEFINITIONS ${definitions} PARENT_SCOPE)
endfunction()
