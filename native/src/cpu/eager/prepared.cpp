#include "cpu/eager/prepared.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fusor::cpu {

bool PreparedKey::operator==(const PreparedKey& other) const {
  return weight_identity == other.weight_identity && weight_version == other.weight_version &&
         bias_identity == other.bias_identity && bias_version == other.bias_version &&
         weight_offset == other.weight_offset && bias_offset == other.bias_offset && shape == other.shape &&
         activation.kind == other.activation.kind &&
         (activation.kind != FUSOR_ACTIVATION_CLAMP ||
          (activation.low == other.activation.low && activation.high == other.activation.high));
}

struct Prepared::Entry {
  PreparedKey key;
  std::unique_ptr<Convolution> convolution;
  std::atomic<int> references{1};

  void release() {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
};

Prepared::Prepared(Prepared&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
Prepared& Prepared::operator=(Prepared&& other) noexcept {
  std::swap(entry_, other.entry_);
  return *this;
}
Prepared::~Prepared() {
  if (entry_) entry_->release();
}
const Convolution& Prepared::operator*() const {
  return *entry_->convolution;
}

namespace {

struct Store {
  std::mutex mutex;
  std::unordered_map<uint64_t, std::vector<Prepared::Entry*>> entries;  // by weight identity, oldest first
};

// Never destroyed: streams of other threads may still run while the process exits. Made without a request for
// memory: a tensor's end asks here, which must not fail.
Store& store() {
  alignas(Store) static unsigned char room[sizeof(Store)];
  static Store* const instance = new (room) Store;
  return *instance;
}

}  // namespace

Prepared find_prepared(const PreparedKey& key) {
  if (key.weight_identity == 0) return {};
  Store& s = store();
  std::lock_guard lock(s.mutex);
  auto found = s.entries.find(key.weight_identity);
  if (found == s.entries.end()) return {};
  for (Prepared::Entry* entry : found->second)
    if (entry->key == key) {
      entry->references.fetch_add(1, std::memory_order_relaxed);
      return Prepared(entry);
    }
  return {};
}

Prepared keep_prepared(const PreparedKey& key, std::unique_ptr<Convolution> convolution) {
  auto* entry = new (std::nothrow) Prepared::Entry;
  if (!entry) return {};
  entry->key = key;
  entry->convolution = std::move(convolution);
  Prepared made(entry);  // releases it where memory is missing for the rest
  if (key.weight_identity == 0) return made;

  std::vector<Prepared::Entry*> dropped;
  dropped.reserve(kPreparedPerWeight);
  {
    Store& s = store();
    std::lock_guard lock(s.mutex);
    auto& entries = s.entries[key.weight_identity];
    entries.reserve(kPreparedPerWeight);  // from here on nothing asks for memory
    // Versions only grow: what was made from an older one can never be asked for again.
    std::erase_if(entries, [&](Prepared::Entry* old) {
      const bool stale = old->key.weight_version != key.weight_version;
      if (stale) dropped.push_back(old);
      return stale;
    });
    if (entries.size() == kPreparedPerWeight) {
      dropped.push_back(entries.front());
      entries.erase(entries.begin());
    }
    entry->references.fetch_add(1, std::memory_order_relaxed);
    entries.push_back(entry);
  }
  for (Prepared::Entry* old : dropped) old->release();
  return made;
}

void forget_prepared(uint64_t identity) {
  std::vector<Prepared::Entry*> dropped;
  {
    Store& s = store();
    std::lock_guard lock(s.mutex);
    auto found = s.entries.find(identity);
    if (found == s.entries.end()) return;
    dropped = std::move(found->second);
    s.entries.erase(found);
  }
  for (Prepared::Entry* entry : dropped) entry->release();
}

int64_t prepared_bytes() {
  Store& s = store();
  std::lock_guard lock(s.mutex);
  int64_t bytes = 0;
  for (const auto& [identity, entries] : s.entries)
    for (const Prepared::Entry* entry : entries) bytes += entry->convolution->packed_bytes();
  return bytes;
}

}  // namespace fusor::cpu
