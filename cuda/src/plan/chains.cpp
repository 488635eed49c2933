#include "plan/chains.h"

#include <cstdio>

namespace fusor::cuda {
namespace {

constexpr int32_t kX = 0, kWeight = 1, kBias = 2, kResidual = 3;

class Finder {
 public:
  Finder(const DeviceProperties& device, const fusor_graph& graph)
      : device_(device), graph_(graph), uses_(static_cast<size_t>(graph.value_count)) {
    for (int32_t i = 0; i < graph.node_count; ++i) {
      for (int32_t k = 0; k < graph.nodes[i].input_count; ++k) count(graph.nodes[i].inputs[k], i);
    }
    for (int32_t i = 0; i < graph.output_count; ++i) count(graph.outputs[i], -1);
  }

  /** The chain that begins at this node. */
  bool find(int32_t node, bool forced, Chain* chain) const {
    if (!is_convolution(node, 3, 1) || input(node, kResidual) >= 0) return false;
    const int32_t hidden = graph_.nodes[node].outputs[0];
    if (uses(hidden).size() != 1 || uses(hidden)[0] < 0) return false;
    const int32_t second = uses(hidden)[0];
    if (!is_convolution(second, 1, 0) || input(second, kX) != hidden) return false;
    chain->first = node;
    chain->second = second;
    set_arguments(*chain);
    const ChainArguments& a = chain->arguments;
    if (a.dtype != FUSOR_F16 && a.dtype != FUSOR_BF16) return false;
    if (a.n * a.c * a.h * a.w * a.k1 * a.k2 == 0) return false;
    const ChainChoice two = choose_chain(device_, chain->arguments);
    // Of what follows, the first convolution that may be computed right after: all else it needs are
    // constants.
    for (const int32_t user : uses(graph_.nodes[second].outputs[0])) {
      if (user < 0 || !is_convolution(user, 1, 0) || input(user, kX) != graph_.nodes[second].outputs[0] ||
          input(user, kResidual) >= 0 || !is_constant(user, kWeight) || !is_constant(user, kBias)) {
        continue;
      }
      chain->third = user;
      set_arguments(*chain);
      break;
    }
    chain->choice = chain->third < 0 ? two : choose_chain(device_, chain->arguments);
    // A chain of two is for where the longer one cannot be, or loses.
    const bool shorter =
        chain->third >= 0 && (!chain->choice.possible() || (!forced && chain->choice.gain < 1));
    if (shorter && two.possible() && (forced || two.gain >= 1)) {
      chain->third = -1;
      set_arguments(*chain);
      chain->choice = two;
    }
    return true;
  }

 private:
  void count(int32_t value, int32_t node) {
    if (value >= 0) uses_[static_cast<size_t>(value)].push_back(node);
  }
  const std::vector<int32_t>& uses(int32_t value) const { return uses_[static_cast<size_t>(value)]; }
  int32_t input(int32_t node, int32_t index) const {
    const fusor_graph_node& at = graph_.nodes[node];
    return index < at.input_count ? at.inputs[index] : -1;
  }
  const fusor_graph_value& value(int32_t node, int32_t index) const {
    return graph_.values[input(node, index)];
  }
  bool is_constant(int32_t node, int32_t index) const {
    return input(node, index) < 0 || value(node, index).constant != nullptr;
  }

  /** With a square filter of this size, this padding, and neither strides nor groups. */
  bool is_convolution(int32_t node, int64_t size, int32_t padding) const {
    const fusor_graph_node& at = graph_.nodes[node];
    if (at.op != FUSOR_OP_CONV2D) return false;
    const auto& attributes = *static_cast<const fusor_conv2d_attributes*>(at.attributes);
    bool plain = attributes.groups == 1 && value(node, kWeight).sizes[2] == size &&
                 value(node, kWeight).sizes[3] == size;
    for (int i = 0; i < 2; ++i)
      plain = plain && attributes.stride[i] == 1 && (size == 1 || attributes.dilation[i] == 1);
    for (int i = 0; i < 4; ++i) plain = plain && attributes.padding[i] == padding;
    return plain;
  }

  void set_arguments(Chain& chain) const {
    const auto channels = [&](int32_t node) { return static_cast<int>(value(node, kWeight).sizes[0]); };
    const auto activation = [&](int32_t node) {
      return static_cast<const fusor_conv2d_attributes*>(graph_.nodes[node].attributes)->activation;
    };
    const fusor_graph_value& x = value(chain.first, kX);
    ChainArguments& a = chain.arguments;
    a = {};
    a.dtype = static_cast<fusor_dtype>(x.dtype);
    a.n = x.sizes[0];
    a.c = static_cast<int>(x.sizes[1]);
    a.h = static_cast<int>(x.sizes[2]);
    a.w = static_cast<int>(x.sizes[3]);
    a.k1 = channels(chain.first);
    a.k2 = channels(chain.second);
    a.activation1 = activation(chain.first);
    a.activation2 = activation(chain.second);
    a.has_residual = input(chain.second, kResidual) >= 0;
    if (chain.third < 0) return;
    a.k3 = channels(chain.third);
    a.activation3 = activation(chain.third);
  }

  const DeviceProperties& device_;
  const fusor_graph& graph_;
  std::vector<std::vector<int32_t>> uses_; /* by value: the nodes that read it, -1 for the graph's end */
};

std::string fixed(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", number);
  return text;
}

}  // namespace

std::vector<Chain> find_chains(const DeviceProperties& device, const fusor_graph& graph, int32_t mode) {
  std::vector<Chain> chains;
  if (mode == FUSOR_CHAINS_NEVER) return chains;
  const bool forced = mode == FUSOR_CHAINS_ALWAYS;
  const Finder finder(device, graph);
  for (int32_t i = 0; i < graph.node_count; ++i) {
    Chain chain;
    if (!finder.find(i, forced, &chain)) continue;
    chain.taken = chain.choice.possible() && (forced || chain.choice.gain >= 1);
    chain.reason = describe(chain.arguments, chain.choice);
    if (chain.choice.possible()) {
      chain.reason += forced ? " (asked for" : " (cost model";
      chain.reason += ": " + fixed(chain.choice.gain) + " times the speed of single kernels)";
    }
    chains.push_back(chain);
  }
  return chains;
}

}  // namespace fusor::cuda
