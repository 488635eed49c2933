// How kernels are started: one checked call, which names the place of the launch and, where it can, the
// kernel.
//
//   return launch(kernel<float, 4>, LaunchShape{blocks, threads, shared_bytes}, stream, x, y, count);
//
// Arguments are converted to the kernel's parameters and copied at the call.
#pragma once

#include <source_location>
#include <tuple>

#include "arch/last_launch.h"
#include "arch/overlap.h"
#include "arch/platform.h"
#include "arch/stream.h"

namespace fusor::cuda {

/** Grid and block in blocks and threads, with the place in the source where it was written. */
struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes; /* dynamic shared memory; more than 48 KiB is opted in to by launch() */
  std::source_location place;
  bool early = false; /* see launch_early() */
  LaunchShape(dim3 grid, dim3 block, size_t shared_bytes = 0,
              std::source_location place = std::source_location::current())
      : grid(grid), block(block), shared_bytes(shared_bytes), place(place) {}
};

namespace detail {
/** Refuses grids that the chip has no numbers for, before the driver does it in fewer words. */
Status check_shape(const LaunchShape& shape);
/** Remembers it for take_last_launch(). */
void note_launch(const void* kernel, const std::source_location& place);
#if defined(__CUDACC__)
Status launch_pointers(const void* kernel, const LaunchShape& shape, const Stream& stream, void** arguments);
#endif
}  // namespace detail

template <class... Parameters, class... Arguments>
Status launch(void (*kernel)(Parameters...), const LaunchShape& shape, Stream& stream,
              Arguments&&... arguments) {
  FUSOR_RETURN_IF_ERROR(detail::check_shape(shape));
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return {};  // nothing to compute
  detail::note_launch(reinterpret_cast<const void*>(kernel), shape.place);
#if defined(__CUDACC__)
  std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  return std::apply(
      [&](auto&... value) {
        void* pointers[sizeof...(Parameters) + 1] = {const_cast<void*>(static_cast<const void*>(&value))...};
        return detail::launch_pointers(reinterpret_cast<const void*>(kernel), shape, stream, pointers);
      },
      values);
#else
  return emulator::launch(
      stream.handle, shape.grid, shape.block, shape.shared_bytes, shape.place, shape.early,
      new emulator::KernelCall<Parameters...>(kernel, static_cast<Parameters>(arguments)...));
#endif
}

/** The same for kernels that wait for earlier launches by themselves (arch/overlap.h): where the stream and
 * the card allow, their blocks are there before the launch before has ended. */
template <class... Parameters, class... Arguments>
Status launch_early(void (*kernel)(Parameters...), LaunchShape shape, Stream& stream,
                    Arguments&&... arguments) {
  shape.early = true;
  return launch(kernel, shape, stream, static_cast<Arguments&&>(arguments)...);
}

/** Blocks of `per_block` that cover `count`. */
constexpr unsigned blocks_for(int64_t count, int64_t per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

}  // namespace fusor::cuda
