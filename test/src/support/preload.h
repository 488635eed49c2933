// For libraries that are preloaded into Node.js: the integers that they share with the program inside.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

/** mmap itself, for those who put their own in its place. */
inline void* system_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}

/** The file that the environment variable names, in memory; nullptr without one. */
template <class Integers>
Integers* map_named_file(const char* variable) {
  const char* const path = std::getenv(variable);
  const int file = path == nullptr ? -1 : open(path, O_RDWR);
  if (file < 0) return nullptr;
  void* const memory = system_mmap(nullptr, sizeof(Integers), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<Integers*>(memory);
}
