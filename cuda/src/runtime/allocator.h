// Device memory kept for reuse. All work on a device is in one order (docs/decisions/0010), so a block that
// is released can be given out again at once: whatever uses it next is issued later.
//
// Segments come from the driver, which is slow and waits for the device; blocks are parts of segments. Blocks
// up to 1 MiB share segments of 2 MiB, those up to 10 MiB segments of 20 MiB, and larger ones have a segment
// each. Best fit; neighbours merge as soon as both are free.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "arch/device_api.h"
#include "fusor/backend.h"

namespace fusor::cuda {

class Allocator {
 public:
  /**
   * kCached is what the text above describes. kExact gives every block to the driver and back by itself, with
   * no byte too many: the emulator then sees every access beyond a tensor, and every use after its release.
   */
  enum class Mode { kCached, kExact };

  /** On the device that is current when its functions are called. `name` goes into messages: "cuda:0". */
  Allocator(std::string name, Mode mode) : name_(std::move(name)), mode_(mode) {}

  /**
   * 256-byte aligned, contents undefined; zero bytes give a pointer of their own. Memory that only the cache
   * holds is given back to the driver before this fails with FUSOR_ERROR_OUT_OF_MEMORY.
   */
  Status allocate(int64_t bytes, void** pointer);
  /** `ticket`: how much work had been issued to the compute stream by now, all that could use the block. */
  void release(void* pointer, uint64_t ticket);
  /** The ticket that the block had been released with before it was given out again; 0 if it is fresh from
   * the driver, `unknown` if the pointer is not the start of a block. */
  uint64_t free_since(void* pointer, uint64_t unknown) const;

  Status empty_cache();
  void limit(int64_t bytes);
  fusor_backend_memory info() const;

 private:
  struct Block {
    char* start;
    int64_t bytes;
    bool free = false;
    uint64_t ticket = 0;        // its memory's last user's
    Block* previous = nullptr;  // neighbours within the segment
    Block* next = nullptr;
    bool small;
  };
  struct BySize {
    bool operator()(const Block* a, const Block* b) const {
      return a->bytes != b->bytes ? a->bytes < b->bytes : a->start < b->start;
    }
  };
  using FreeBlocks = std::set<Block*, BySize>;

  FreeBlocks& free_blocks(bool small) { return small ? free_small_ : free_large_; }
  Block* find(int64_t bytes, bool small);
  Status add_segment(int64_t bytes, bool small, Block** block);
  Status allocate_segment(int64_t bytes, void** pointer);
  void split(Block& block, int64_t bytes);
  Block* merge(Block& block);
  void absorb(Block& block, Block& next);
  Status empty_cache_locked();
  Status out_of_memory(int64_t bytes) const;

  const std::string name_;
  const Mode mode_;
  mutable std::mutex mutex_;
  std::unordered_map<char*, std::unique_ptr<Block>> blocks_;  // all, by start
  FreeBlocks free_small_, free_large_;
  int64_t reserved_ = 0, used_ = 0, limit_ = 0;
};

}  // namespace fusor::cuda
