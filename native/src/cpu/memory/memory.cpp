#include "cpu/memory/memory.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <mutex>
#include <new>

#include "platform/memory.h"

namespace fusor::cpu {
namespace {

// From here on blocks are pages of their own, so that giving them back really gives them back.
constexpr int64_t kPagedBytes = 1 << 20;
// Kept at first, in all. A network run op by op needs of each size class a number of blocks at once, in the
// same order in each run. With less kept than their sum, the block that is longest unused and has to leave is
// always the one needed next, and none is ever found: ResNet-50 at batch 8 has 350 MB of them, and with 256
// kept each run faulted 4,700 pages in and took 1.5 times as long. So a block that is needed again after it
// had to leave raises the bound by its size.
constexpr int64_t kKeptAtFirst = int64_t{256} << 20;
// A block that this many releases have passed by belongs to work that is over.
constexpr int64_t kPatience = 4096;

constexpr int kClasses = 64 * 8;

int class_of(int64_t bytes) {
  if (bytes <= 64) return 0;
  const uint64_t last = static_cast<uint64_t>(bytes - 1);
  const int octave = std::bit_width(last) - 1;  // 2^octave <= last
  const int step = std::max(octave - 3, 6);     // sizes are multiples of 2^step, and of 64
  return octave * 8 + static_cast<int>((last >> step) - ((uint64_t{1} << octave) >> step));
}

// A free block holds its own links: among all free blocks (most recently released first), and among those of
// its class.
struct FreeBlock {
  FreeBlock *newer, *older;
  FreeBlock *next, *previous;
  int64_t bytes;
  int64_t released_at;
};
static_assert(sizeof(FreeBlock) <= 64);

void* allocate_from_system(int64_t class_bytes) {
  if (class_bytes >= kPagedBytes) return platform::map_pages(class_bytes);
  return platform::allocate_block(class_bytes);
}
void release_to_system(void* pointer, int64_t class_bytes) {
  if (class_bytes >= kPagedBytes) {
    platform::unmap_pages(pointer, class_bytes);
  } else {
    platform::release_block(pointer);
  }
}

class Cache {
 public:
  // A kept block, or null: then its caller finds another, or gives the bytes up by `not_used`.
  void* take(int64_t bytes) {
    const std::lock_guard lock(mutex_);
    used_ += bytes;
    const int of = class_of(bytes);
    FreeBlock* const block = first_[of];
    if (block) {
      remove(block);
    } else if (left_[of] > 0) {
      --left_[of];
      bound_ += bytes;
    }
    return block;
  }
  void not_used(int64_t bytes) {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
  }

  // Keeps the block. What has to leave for it comes back as a chain by `next`: that may be the block itself.
  FreeBlock* keep(void* pointer, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
    auto* block = static_cast<FreeBlock*>(pointer);
    if (bytes > bound_ / 2) {
      ++left_[class_of(bytes)];
      *block = {nullptr, nullptr, nullptr, nullptr, bytes, 0};
      return block;
    }
    *block = {nullptr, newest_, first_[class_of(bytes)], nullptr, bytes, ++clock_};
    (newest_ ? newest_->newer : oldest_) = block;
    newest_ = block;
    if (block->next) block->next->previous = block;
    first_[class_of(bytes)] = block;
    kept_ += bytes;
    FreeBlock* leaving = nullptr;
    while (FreeBlock* const gone = oldest_) {
      const bool is_over = clock_ - gone->released_at > kPatience;
      if (!is_over && kept_ <= bound_) break;
      if (is_over) {
        bound_ = std::max(kKeptAtFirst, bound_ - gone->bytes);
      } else {
        ++left_[class_of(gone->bytes)];
      }
      remove(gone);
      gone->next = leaving;
      leaving = gone;
    }
    return leaving;
  }

  FreeBlock* take_all() {
    const std::lock_guard lock(mutex_);
    bound_ = kKeptAtFirst;
    std::fill(std::begin(left_), std::end(left_), 0);
    FreeBlock* leaving = nullptr;
    while (FreeBlock* gone = oldest_) {
      remove(gone);
      gone->next = leaving;
      leaving = gone;
    }
    return leaving;
  }

  int64_t kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  int64_t used() {
    const std::lock_guard lock(mutex_);
    return used_;
  }

 private:
  void remove(FreeBlock* block) {
    (block->newer ? block->newer->older : newest_) = block->older;
    (block->older ? block->older->newer : oldest_) = block->newer;
    (block->previous ? block->previous->next : first_[class_of(block->bytes)]) = block->next;
    if (block->next) block->next->previous = block->previous;
    kept_ -= block->bytes;
  }

  std::mutex mutex_;
  FreeBlock* first_[kClasses] = {};
  FreeBlock *newest_ = nullptr, *oldest_ = nullptr;
  int64_t kept_ = 0;
  int64_t used_ = 0;
  int64_t bound_ = kKeptAtFirst;
  int64_t left_[kClasses] = {};  // blocks that had to leave for the bound, and were not asked for again
  int64_t clock_ = 0;
};

Cache& cache() {
  // Never destroyed, since tensors may outlive static destructors; and without a request for memory, since
  // giving memory back must not fail.
  alignas(Cache) static unsigned char room[sizeof(Cache)];
  static Cache* const made = new (room) Cache;
  return *made;
}

void release_chain(FreeBlock* block) {
  while (block) {
    FreeBlock* const next = block->next;
    release_to_system(block, block->bytes);
    block = next;
  }
}

}  // namespace

int64_t memory_class_bytes(int64_t bytes) {
  if (bytes <= 64) return 64;
  const int octave = std::bit_width(static_cast<uint64_t>(bytes - 1)) - 1;
  const int64_t step = int64_t{1} << std::max(octave - 3, 6);
  return (bytes + step - 1) / step * step;
}

void* allocate_memory(int64_t bytes) {
  if (bytes < 0 || bytes > (int64_t{1} << 60)) return nullptr;
  const int64_t class_bytes = memory_class_bytes(bytes);
  void* block = cache().take(class_bytes);
  if (!block) block = allocate_from_system(class_bytes);
  if (!block) {
    release_kept_memory();
    block = allocate_from_system(class_bytes);
  }
  if (!block) cache().not_used(class_bytes);
  return block;
}

void release_memory(void* pointer, int64_t bytes) {
  if (!pointer) return;
  release_chain(cache().keep(pointer, memory_class_bytes(bytes)));
}

int64_t used_memory() {
  return cache().used();
}
int64_t kept_memory() {
  return cache().kept();
}
void release_kept_memory() {
  release_chain(cache().take_all());
}

void* allocate_arena_memory(int64_t bytes) {
  return platform::map_pages(bytes);
}
void release_arena_memory(void* pointer, int64_t bytes) {
  platform::unmap_pages(pointer, bytes);
}

}  // namespace fusor::cpu
