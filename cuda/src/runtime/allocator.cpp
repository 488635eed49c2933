#include "runtime/allocator.h"

#include <algorithm>
#include <string>
#include <vector>

namespace fusor::cuda {
namespace {

constexpr int64_t kAlignment = 512;  // of sizes; the driver gives 256 at least, and so stay all starts
constexpr int64_t kSmall = int64_t{1} << 20;
constexpr int64_t kSmallSegment = int64_t{2} << 20;
constexpr int64_t kSegmentUnit = int64_t{2} << 20;  // the driver's own page
// Blocks up to here share segments: a network's activations of some MB would otherwise leave up to 2 MiB of
// each unused.
constexpr int64_t kShared = int64_t{10} << 20;
constexpr int64_t kSharedSegment = int64_t{20} << 20;

int64_t round_up(int64_t bytes, int64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

std::string megabytes(int64_t bytes) {
  const int64_t tenths = (bytes * 10 + (int64_t{1} << 19)) >> 20;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

}  // namespace

Status Allocator::allocate(int64_t bytes, void** pointer) {
  *pointer = nullptr;
  if (bytes < 0 || bytes > (int64_t{1} << 62)) return out_of_memory(bytes);
  const bool exact = mode_ == Mode::kExact;
  const int64_t size =
      exact ? std::max<int64_t>(bytes, 1) : round_up(std::max<int64_t>(bytes, 1), kAlignment);
  const bool small = size <= kSmall;
  const std::lock_guard lock(mutex_);
  Block* block = exact ? nullptr : find(size, small);
  if (block == nullptr) FUSOR_RETURN_IF_ERROR(add_segment(size, small, &block));
  free_blocks(small).erase(block);
  block->free = false;
  if (!exact) split(*block, size);
  used_ += block->bytes;
  *pointer = block->start;
  return {};
}

void Allocator::release(void* pointer, uint64_t ticket) {
  if (pointer == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<char*>(pointer));
  if (found == blocks_.end() || found->second->free) return;
  Block& block = *found->second;
  used_ -= block.bytes;
  block.free = true;
  block.ticket = ticket;
  if (mode_ == Mode::kExact) {
    reserved_ -= block.bytes;
    blocks_.erase(found);
    (void)device::release(pointer);  // waits for work that uses it
    return;
  }
  Block* merged = merge(block);
  free_blocks(merged->small).insert(merged);
}

uint64_t Allocator::free_since(void* pointer, uint64_t unknown) const {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<char*>(pointer));
  return found == blocks_.end() ? unknown : found->second->ticket;
}

// The smallest that fits. A large block is not broken up for a much smaller one: that would keep its segment
// from being given back, and from the next tensor of its size.
Allocator::Block* Allocator::find(int64_t bytes, bool small) {
  Block wanted{nullptr, bytes, true, 0, nullptr, nullptr, small};
  FreeBlocks& blocks = free_blocks(small);
  const auto found = blocks.lower_bound(&wanted);
  if (found == blocks.end()) return nullptr;
  if (!small && bytes > kShared && (*found)->bytes > bytes + bytes / 4 + kSharedSegment) return nullptr;
  return *found;
}

Status Allocator::add_segment(int64_t bytes, bool small, Block** block) {
  const int64_t size = mode_ == Mode::kExact ? bytes
                       : small               ? kSmallSegment
                       : bytes <= kShared    ? kSharedSegment
                                             : round_up(bytes, kSegmentUnit);
  void* start = nullptr;
  Status status = allocate_segment(size, &start);
  int64_t got = size;
  if (status.code() == FUSOR_ERROR_OUT_OF_MEMORY) {
    FUSOR_RETURN_IF_ERROR(empty_cache_locked());
    status = allocate_segment(size, &start);
    // No more than is needed; after that, blocks that find() spared for larger tensors.
    if (status.code() == FUSOR_ERROR_OUT_OF_MEMORY) {
      got = bytes;
      status = allocate_segment(got, &start);
    }
  }
  if (status.code() == FUSOR_ERROR_OUT_OF_MEMORY) {
    Block wanted{nullptr, bytes, true, 0, nullptr, nullptr, small};
    const auto spared = free_blocks(small).lower_bound(&wanted);
    if (spared == free_blocks(small).end()) return out_of_memory(bytes);
    *block = *spared;
    return {};
  }
  FUSOR_RETURN_IF_ERROR(status);
  auto owned =
      std::make_unique<Block>(Block{static_cast<char*>(start), got, true, 0, nullptr, nullptr, small});
  *block = owned.get();
  free_blocks(small).insert(owned.get());
  blocks_.emplace(owned->start, std::move(owned));
  return {};
}

Status Allocator::allocate_segment(int64_t bytes, void** pointer) {
  if (limit_ > 0 && reserved_ + bytes > limit_) return {FUSOR_ERROR_OUT_OF_MEMORY, "the limit is reached"};
  FUSOR_RETURN_IF_ERROR(device::allocate(pointer, bytes));
  reserved_ += bytes;
  return {};
}

// Leaves `bytes` in the block and makes the rest one of its own, if that is worth a block.
void Allocator::split(Block& block, int64_t bytes) {
  const int64_t rest = block.bytes - bytes;
  if (rest < (block.small ? kAlignment : kSmall)) return;
  auto owned = std::make_unique<Block>(
      Block{block.start + bytes, rest, true, block.ticket, &block, block.next, block.small});
  if (block.next != nullptr) block.next->previous = owned.get();
  block.next = owned.get();
  block.bytes = bytes;
  free_blocks(block.small).insert(owned.get());
  blocks_.emplace(owned->start, std::move(owned));
}

// With the free neighbours, which leave the set of free blocks. The result is in no set.
Allocator::Block* Allocator::merge(Block& block) {
  Block* result = &block;
  if (Block* next = block.next; next != nullptr && next->free) {
    free_blocks(block.small).erase(next);
    absorb(block, *next);
  }
  if (Block* previous = block.previous; previous != nullptr && previous->free) {
    free_blocks(block.small).erase(previous);
    absorb(*previous, block);
    result = previous;
  }
  return result;
}

void Allocator::absorb(Block& block, Block& next) {
  block.bytes += next.bytes;
  block.ticket = std::max(block.ticket, next.ticket);
  block.next = next.next;
  if (block.next != nullptr) block.next->previous = &block;
  blocks_.erase(next.start);
}

Status Allocator::empty_cache() {
  const std::lock_guard lock(mutex_);
  return empty_cache_locked();
}

Status Allocator::empty_cache_locked() {
  for (FreeBlocks* blocks : {&free_small_, &free_large_}) {
    std::vector<Block*> whole;
    for (Block* block : *blocks) {
      if (block->previous == nullptr && block->next == nullptr) whole.push_back(block);
    }
    for (Block* block : whole) {
      blocks->erase(block);
      reserved_ -= block->bytes;
      char* const start = block->start;
      blocks_.erase(start);
      FUSOR_RETURN_IF_ERROR(device::release(start));
    }
  }
  return {};
}

void Allocator::limit(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}

fusor_backend_memory Allocator::info() const {
  const std::lock_guard lock(mutex_);
  return {sizeof(fusor_backend_memory), reserved_, used_, limit_};
}

Status Allocator::out_of_memory(int64_t bytes) const {
  std::string text = "out of memory on " + name_ + ": " + megabytes(bytes) + " are not to be had; " +
                     megabytes(used_) + " are in use and " + megabytes(reserved_ - used_) +
                     " are free in pieces that do not fit";
  if (limit_ > 0) {
    text += "; the limit is " + megabytes(limit_);
  } else if (int64_t free = 0, total = 0; device::memory_info(&free, &total).ok()) {
    text += "; the device has " + megabytes(free) + " of " + megabytes(total) + " free";
  }
  return {FUSOR_ERROR_OUT_OF_MEMORY, std::move(text)};
}

}  // namespace fusor::cuda
