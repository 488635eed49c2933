# FUSOR_SANITIZE=address,undefined or FUSOR_SANITIZE=thread builds everything with gcc's or clang's sanitizers, for the C++
# tests (fusor.node built so loads only into a process that preloads the sanitizer's library).
set(FUSOR_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")
if(FUSOR_SANITIZE)
  add_compile_options(-fsanitize=${FUSOR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${FUSOR_SANITIZE})
endif()
