// One user of the engine, e.g. one JavaScript environment: its streams, one per device that it uses.
#pragma once

#include <vector>

#include "stream/stream.h"

struct fusor_environment final {
 public:
  fusor_environment() = default;
  fusor_environment(const fusor_environment&) = delete;
  fusor_environment& operator=(const fusor_environment&) = delete;
  ~fusor_environment() {
    for (const auto& stream : streams_) {
      if (stream) stream->stop();
    }
  }

  // Started when first asked for.
  fusor::Stream& stream(fusor::Device& device) {
    const auto number = static_cast<size_t>(device.number);
    if (streams_.size() <= number) streams_.resize(number + 1);
    if (!streams_[number]) streams_[number] = fusor::Stream::start(device);
    return *streams_[number];
  }

 private:
  std::vector<fusor::Ref<fusor::Stream>> streams_;  // by device number
};

namespace fusor {
using Environment = ::fusor_environment;
}
