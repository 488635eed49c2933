# FUSOR_SANITIZE=address,undefined or FUSOR_SANITIZE=thread builds everything with gcc's or clang's sanitizers, for the C++
# tests (fusor.node built so loads only into a process that preloads the sanitizer's library).
set(FUSOR_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")
# Checks of every pointer make a kernel of unrolled tiles ten times as long to compile (100 s for one file for AVX2, twice
# that for AVX-512). Those of AddressSanitizer see what such a pointer would touch; this leaves
# UndefinedBehaviorSanitizer's to arithmetic.
option(FUSOR_SANITIZE_KERNEL_POINTERS "Check every pointer of kernels for null, alignment and overflow, too" OFF)
# FUSOR_FUZZ=ON adds libFuzzer's programs (test/fuzz); Clang only.
option(FUSOR_FUZZ "Build the fuzzers of the C API" OFF)
set(FUSOR_KERNEL_OPTIONS)
set(FUSOR_ENGINE_OPTIONS)
if(FUSOR_SANITIZE)
  add_compile_options(-fsanitize=${FUSOR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=${FUSOR_SANITIZE})
  if(FUSOR_SANITIZE MATCHES "undefined" AND NOT FUSOR_SANITIZE_KERNEL_POINTERS)
    set(FUSOR_KERNEL_OPTIONS -fno-sanitize=null,alignment,pointer-overflow,object-size)
  endif()
endif()
if(FUSOR_FUZZ)
  set(FUSOR_ENGINE_OPTIONS -fsanitize=fuzzer-no-link)
endif()
