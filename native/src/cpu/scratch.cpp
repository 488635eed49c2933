#include <algorithm>

#include "cpu/memory/memory.h"
#include "cpu/op.h"

namespace fusor::cpu {

// Chunks are filled one after the other, the newest first in the list.
struct alignas(64) Scratch::Chunk {
  Chunk* next;
  int64_t bytes;  // of the whole chunk, this header included
  int64_t used;
};

namespace {

constexpr int64_t kFirstChunk = 64 << 10;
// Kept between ops: what most ops need. Larger scratch comes from the memory cache each time, which is cheap
// too.
constexpr int64_t kMostKept = 4 << 20;

}  // namespace

Scratch::~Scratch() {
  while (chunks_) {
    Chunk* const next = chunks_->next;
    release_memory(chunks_, chunks_->bytes);
    chunks_ = next;
  }
}

void* Scratch::allocate(int64_t bytes) {
  if (bytes < 0 || bytes > (int64_t{1} << 60)) return nullptr;
  bytes = std::max<int64_t>((bytes + 63) / 64 * 64, 64);
  if (!chunks_ || chunks_->bytes - chunks_->used < bytes) {
    const int64_t least = static_cast<int64_t>(sizeof(Chunk)) + bytes;
    const int64_t wanted = memory_class_bytes(std::max(least, chunks_ ? 2 * chunks_->bytes : kFirstChunk));
    int64_t size = wanted;
    void* memory = allocate_memory(size);
    if (!memory && wanted > least) memory = allocate_memory(size = least);
    if (!memory) return nullptr;
    chunks_ = new (memory) Chunk{chunks_, size, static_cast<int64_t>(sizeof(Chunk))};
  }
  void* const result = reinterpret_cast<char*>(chunks_) + chunks_->used;
  chunks_->used += bytes;
  return result;
}

void Scratch::reset() {
  if (!chunks_) return;
  // The newest is the largest: one that would have held everything serves the next op best.
  while (Chunk* const older = chunks_->next) {
    chunks_->next = older->next;
    release_memory(older, older->bytes);
  }
  chunks_->used = static_cast<int64_t>(sizeof(Chunk));
  if (chunks_->bytes > kMostKept) {
    release_memory(chunks_, chunks_->bytes);
    chunks_ = nullptr;
  }
}

}  // namespace fusor::cpu
