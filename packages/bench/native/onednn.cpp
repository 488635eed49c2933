// One convolution after another in oneDNN, for `fusor-bench kernels`: the rival at its best. Weights, source
// and destination are in the layouts that oneDNN chooses itself; bias, residual and ReLU are part of the
// primitive.
//
// Before each run the source (and the residual) is reordered from the plain layout, after it the destination
// to that, outside the clock: what surrounds the timed steps of the other engines too. So all of them find
// what a network has for them, operands that were just written and not the lines of their own last run.
//
// Requests are lines of numbers on standard input, answers lines of JSON on standard output:
//   load n c h w k r s stride padding dilation groups residual relu threads FILE
//        FILE holds f32: source, weights, bias, [residual]; answers {"implementation": ...} and writes
//        FILE.out, the result in n k p q
//   run SECONDS    answers {"milliseconds": the median of the runs}
//   quit
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "dnnl.hpp"

namespace {

using dnnl::memory;
using Dims = memory::dims;

const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
dnnl::stream stream(engine);

struct Copy {
  dnnl::reorder reorder;
  memory from, to;
};

struct Loaded {
  dnnl::convolution_forward convolution;
  std::unordered_map<int, memory> arguments;
  std::vector<Copy> before, after;
};

void execute(const Copy& copy) {
  memory from = copy.from, to = copy.to;
  copy.reorder.execute(stream, from, to);
  stream.wait();
}

void read(std::ifstream& file, memory& target) {
  file.read(static_cast<char*>(target.get_data_handle()),
            static_cast<std::streamsize>(target.get_desc().get_size()));
  if (!file) throw std::runtime_error("the file of operands is too short");
}

Copy copy_of(const memory& from, const memory& to) {
  return {dnnl::reorder(from, to), from, to};
}

memory reordered(const memory& plain, const memory::desc& wanted) {
  memory result(wanted, engine);
  execute(copy_of(plain, result));
  return result;
}

Loaded load(std::istringstream& words) {
  int64_t n, c, h, w, k, r, s, stride, padding, dilation, groups;
  int residual, relu, threads;
  std::string path;
  words >> n >> c >> h >> w >> k >> r >> s >> stride >> padding >> dilation >> groups >> residual >> relu >>
      threads;
  std::getline(words >> std::ws, path);
  if (!words) throw std::runtime_error("malformed request");
  omp_set_num_threads(threads);

  const int64_t p = (h + 2 * padding - dilation * (r - 1) - 1) / stride + 1;
  const int64_t q = (w + 2 * padding - dilation * (s - 1) - 1) / stride + 1;
  const auto f32 = memory::data_type::f32;
  const auto any = memory::format_tag::any;
  const Dims weight_dims = groups == 1 ? Dims{k, c, r, s} : Dims{groups, k / groups, c / groups, r, s};
  const auto weight_tag = groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;

  dnnl::post_ops post;
  if (residual) post.append_sum(1.f);
  if (relu) post.append_eltwise(1.f, dnnl::algorithm::eltwise_relu, 0.f, 0.f);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(post);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::library);

  // `auto` lets oneDNN take Winograd where it has it for this instruction set.
  const dnnl::convolution_forward::desc description(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto, {{n, c, h, w}, f32, any},
      {weight_dims, f32, any}, {{k}, f32, memory::format_tag::x}, {{n, k, p, q}, f32, any}, {stride, stride},
      {dilation - 1, dilation - 1}, {padding, padding}, {padding, padding});
  const dnnl::convolution_forward::primitive_desc chosen(description, attributes, engine);

  std::ifstream file(path, std::ios::binary);
  memory source({{n, c, h, w}, f32, memory::format_tag::nchw}, engine);
  memory weights({weight_dims, f32, weight_tag}, engine);
  memory bias({{k}, f32, memory::format_tag::x}, engine);
  memory result({{n, k, p, q}, f32, memory::format_tag::nchw}, engine);
  read(file, source);
  read(file, weights);
  read(file, bias);

  const memory blocked(chosen.src_desc(), engine), destination(chosen.dst_desc(), engine);
  Loaded loaded{dnnl::convolution_forward(chosen),
                {{DNNL_ARG_SRC, blocked},
                 {DNNL_ARG_WEIGHTS, reordered(weights, chosen.weights_desc())},
                 {DNNL_ARG_BIAS, bias},
                 {DNNL_ARG_DST, destination}},
                {copy_of(source, blocked)},
                {copy_of(destination, result)}};
  if (residual) {
    memory added({{n, k, p, q}, f32, memory::format_tag::nchw}, engine);
    read(file, added);
    loaded.before.push_back(copy_of(added, destination));
  }
  for (const Copy& copy : loaded.before) execute(copy);
  loaded.convolution.execute(stream, loaded.arguments);
  stream.wait();
  for (const Copy& copy : loaded.after) execute(copy);
  std::ofstream(path + ".out", std::ios::binary)
      .write(static_cast<const char*>(result.get_data_handle()),
             static_cast<std::streamsize>(result.get_desc().get_size()));
  std::cout << "{\"implementation\":\"" << chosen.impl_info_str() << "\"}" << std::endl;
  return loaded;
}

double run(Loaded& loaded, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto once = [&] {
    for (const Copy& copy : loaded.before) execute(copy);
    const auto begin = Clock::now();
    loaded.convolution.execute(stream, loaded.arguments);
    stream.wait();
    const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    for (const Copy& copy : loaded.after) execute(copy);
    return milliseconds;
  };
  once();  // wakes the threads
  std::vector<double> times;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  do times.push_back(once());
  while (Clock::now() < end);
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main() {
  const dnnl_version_t* version = dnnl_version();
  std::cout << "{\"version\":\"" << version->major << '.' << version->minor << '.' << version->patch << "\"}"
            << std::endl;
  std::optional<Loaded> loaded;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    try {
      if (command == "quit") return 0;
      if (command == "load") {
        loaded.reset();
        loaded = load(words);
      } else if (command == "run" && loaded) {
        double seconds = 0;
        words >> seconds;
        std::cout << "{\"milliseconds\":" << run(*loaded, seconds) << '}' << std::endl;
      } else {
        std::cout << "{\"error\":\"unknown request\"}" << std::endl;
      }
    } catch (const std::exception& error) {
      std::string text = error.what();
      std::replace(text.begin(), text.end(), '"', '\'');
      std::cout << "{\"error\":\"" << text << "\"}" << std::endl;
    }
  }
}
