#include "cpu/batch_norm/batch_norm.h"

#include <algorithm>

#include "cpu/elementwise/stream.h"
#include "cpu/layout/blocked.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {

namespace {

const fusor_buffer* optional_input(const fusor_op_call& call, int32_t index) {
  return index < call.input_count ? call.inputs[index] : nullptr;
}

// [n, c, inner] of a tensor [n, c, ...].
struct Channels {
  int64_t n, c, inner;
};
Channels channels_of(const fusor_buffer& x) {
  Channels shape{x.sizes[0], x.sizes[1], 1};
  for (int32_t i = 2; i < x.rank; ++i) shape.inner *= x.sizes[i];
  return shape;
}

// Per channel (x - mean) * scale + shift; `padded` channels, those past c all zero.
struct Parameters {
  float *mean = nullptr, *scale = nullptr, *shift = nullptr;
};

bool make_parameters(OpContext& context, const fusor_op_call& call, float epsilon, int64_t c, int64_t padded,
                     Parameters& p) {
  float* memory = context.scratch.floats(3 * padded);
  if (!memory) return false;
  std::fill_n(memory, 3 * padded, 0.f);
  p = {memory, memory + padded, memory + 2 * padded};
  const float* mean = data_of<const float>(*call.inputs[1]);
  const float* variance = data_of<const float>(*call.inputs[2]);
  const fusor_buffer *weight = optional_input(call, 3), *bias = optional_input(call, 4);
  std::copy_n(mean, c, p.mean);
  if (bias) std::copy_n(data_of<const float>(*bias), c, p.shift);
  context.kernels.batch_norm->scales(variance, weight ? data_of<const float>(*weight) : nullptr,
                                     static_cast<double>(epsilon), c, p.scale);
  return true;
}

fusor_status no_memory() {
  return fail(FUSOR_ERROR_OUT_OF_MEMORY, "batchNorm: no memory for its parameters");
}

void run_contiguous(OpContext& context, const Channels& shape, const float* x, const float* residual,
                    float* y, const Parameters& p, const fusor_activation& activation) {
  // [n, c]: a row of channels at a time. Otherwise a channel of an image at a time.
  const bool rows = shape.inner == 1;
  const int64_t items = rows ? shape.n : shape.n * shape.c, count = rows ? shape.c : shape.inner;
  const auto kernel =
      rows ? context.kernels.batch_norm->scale_shift_each : context.kernels.batch_norm->scale_shift;
  const int threads = items * count < 16384 ? 1 : context.threads;
  const bool streams = items * count * int64_t{sizeof(float)} >= kStreamedBytes;
  WorkShares shares(items, threads);
  context.pool.share(threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t channel = rows ? 0 : item % shape.c, begin = item * count;
      const auto compute = [&](float* to, int64_t first, int64_t size) {
        const int64_t parameter = rows ? first : channel, from = begin + first;
        kernel({x + from, residual ? residual + from : nullptr, to, size, p.mean + parameter,
                p.scale + parameter, p.shift + parameter, activation});
      };
      if (streams) {
        stream_result(context.kernels, y + begin, count, compute);
      } else {
        compute(y + begin, 0, count);
      }
    }
  });
}

void run_blocked(OpContext& context, const BlockedView& x, const BlockedView* residual, const BlockedView& y,
                 const Parameters& p, const fusor_activation& activation) {
  const BlockedShape& shape = y.shape;
  zero_halo(y);
  const int64_t tail = shape.c % shape.lanes;
  const bool moves_zero =
      activation.kind == FUSOR_ACTIVATION_CLAMP && (activation.low > 0.f || activation.high < 0.f);
  WorkShares shares(shape.n * shape.blocks() * shape.h, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t row = item % shape.h, block = item / shape.h % shape.blocks();
      const int64_t image = item / shape.h / shape.blocks();
      const int64_t channel = block * shape.lanes;
      float* output = y.at(image, block, row, 0);
      context.kernels.batch_norm->scale_shift_blocked(
          {x.at(image, block, row, 0), residual ? residual->at(image, block, row, 0) : nullptr, output,
           shape.w, p.mean + channel, p.scale + channel, p.shift + channel, activation});
      // Every activation keeps the padding lanes zero but a clamp whose range leaves zero out.
      if (moves_zero && tail && block == shape.blocks() - 1)
        for (int64_t pixel = 0; pixel < shape.w; ++pixel)
          std::fill(output + pixel * shape.lanes + tail, output + (pixel + 1) * shape.lanes, 0.f);
    }
  });
}

fusor_status prepare(const KernelSet& kernels, const fusor_op_call& call) {
  for (int32_t i = 0; i < call.input_count; ++i)
    if (call.inputs[i] && call.inputs[i]->dtype != FUSOR_F32)
      return fail(FUSOR_ERROR_DTYPE,
                  "batchNorm: the CPU computes in f32; convert the other dtypes to f32 first");
  const fusor_buffer& x = *call.inputs[0];
  if (x.layout == FUSOR_LAYOUT_BLOCKED)
    describe_blocked(*call.outputs[0], kernels.lanes, blocked_shape(x).halo);
  return FUSOR_OK;
}

// A residual in the layout of x.
fusor_status match_layout(OpContext& context, const fusor_buffer& x, fusor_buffer& residual) {
  const bool blocked = x.layout == FUSOR_LAYOUT_BLOCKED;
  if (blocked ? residual.layout == FUSOR_LAYOUT_BLOCKED : is_contiguous(residual)) return FUSOR_OK;
  fusor_buffer copy = residual;
  if (blocked)
    describe_blocked(copy, context.kernels.lanes, Halo{});
  else
    describe_contiguous(copy);
  copy.data = context.scratch.allocate(copy.byte_size);
  if (!copy.data) return no_memory();
  const fusor_status status = convert_layout(context.kernels, context.pool, context.threads, residual, copy);
  residual = copy;
  return status;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_batch_norm_attributes*>(call.attributes);
  const Channels shape = channels_of(*call.inputs[0]);
  if (shape.n * shape.c * shape.inner == 0) return FUSOR_OK;
  const int64_t lanes = context.kernels.lanes;
  Parameters parameters;
  if (!make_parameters(context, call, a.epsilon, shape.c, (shape.c + lanes - 1) / lanes * lanes, parameters))
    return no_memory();

  const fusor_buffer& x = *call.inputs[0];
  const bool has_residual = optional_input(call, 5);
  fusor_buffer residual{};
  if (has_residual) {
    residual = *call.inputs[5];
    if (fusor_status status = match_layout(context, x, residual)) return status;
  }
  if (x.layout == FUSOR_LAYOUT_BLOCKED) {
    const BlockedView residual_view = has_residual ? blocked_view(residual) : BlockedView{};
    run_blocked(context, blocked_view(x), has_residual ? &residual_view : nullptr,
                blocked_view(*call.outputs[0]), parameters, a.activation);
  } else {
    run_contiguous(context, shape, data_of<const float>(x),
                   has_residual ? data_of<const float>(residual) : nullptr, data_of<float>(*call.outputs[0]),
                   parameters, a.activation);
  }
  return FUSOR_OK;
}

// ---- training
// ---------------------------------------------------------------------------------------------------------

// Statistics of one channel over all images: those of each image merged in order (Chan et al. 1979), so that
// the result does not depend on threads.
void channel_statistics(OpContext& context, const Channels& shape, const float* x, int64_t channel,
                        double& mean, double& squares) {
  mean = squares = 0;
  double count = 0;
  for (int64_t image = 0; image < shape.n; ++image) {
    const double added = static_cast<double>(shape.inner);
    float image_mean, image_squares;
    context.kernels.batch_norm->statistics(x + (image * shape.c + channel) * shape.inner, shape.inner,
                                           &image_mean, &image_squares);
    const double delta = static_cast<double>(image_mean) - mean;
    mean += delta * added / (count + added);
    squares += static_cast<double>(image_squares) + delta * delta * count * added / (count + added);
    count += added;
  }
}

fusor_status run_training(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_batch_norm_training_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  const Channels shape = channels_of(x);
  float* running_mean = data_of<float>(*call.outputs[1]);
  float* running_variance = data_of<float>(*call.outputs[2]);
  float* batch = context.scratch.floats(2 * shape.c);
  if (!batch) return no_memory();
  const float* old_mean = data_of<const float>(*call.inputs[1]);
  const float* old_variance = data_of<const float>(*call.inputs[2]);
  const double count = static_cast<double>(shape.n * shape.inner), momentum = static_cast<double>(a.momentum);
  WorkShares shares(shape.c, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t channel; (channel = shares.take(team)) >= 0;) {
      double mean, squares;
      channel_statistics(context, shape, data_of<const float>(x), channel, mean, squares);
      batch[channel] = static_cast<float>(mean);
      batch[shape.c + channel] = static_cast<float>(squares / count);
      // Normalised with the biased variance; the running one is unbiased, as in PyTorch.
      running_mean[channel] =
          static_cast<float>((1 - momentum) * static_cast<double>(old_mean[channel]) + momentum * mean);
      running_variance[channel] = static_cast<float>(
          (1 - momentum) * static_cast<double>(old_variance[channel]) + momentum * squares / (count - 1));
    }
  });

  fusor_buffer mean = *call.inputs[1], variance = mean;
  describe_contiguous(mean);
  describe_contiguous(variance);
  mean.data = batch;
  variance.data = batch + shape.c;
  const fusor_buffer* inputs[5] = {&x, &mean, &variance, optional_input(call, 3), optional_input(call, 4)};
  fusor_op_call normalise = call;
  normalise.inputs = inputs;
  normalise.input_count = 5;
  Parameters parameters;
  if (!make_parameters(context, normalise, a.epsilon, shape.c, shape.c, parameters)) return no_memory();
  run_contiguous(context, shape, data_of<const float>(x), nullptr, data_of<float>(*call.outputs[0]),
                 parameters, {});
  return FUSOR_OK;
}

}  // namespace

const OpEntry batch_norm_op{FUSOR_OP_BATCH_NORM, /*takes_strides=*/false, /*takes_blocked=*/true, prepare,
                            run};
const OpEntry batch_norm_training_op{FUSOR_OP_BATCH_NORM_TRAINING, false, false, nullptr, run_training};

}  // namespace fusor::cpu
