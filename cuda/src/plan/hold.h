// Keeps a stream's work waiting, so that what is timed by events behind it follows without gaps.
#pragma once

#include "arch/stream.h"

namespace fusor::cuda {

/** What comes behind begins after about so many microseconds: give it all to the stream meanwhile. */
Status hold(Stream& stream, int microseconds);

}  // namespace fusor::cuda
