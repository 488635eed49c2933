/* The operations: their names, inputs, outputs and attributes. One list for the eager path, the graph and
 * every backend.
 *
 * Inputs are positional; those in [brackets] are optional and may be NULL. Shapes are PyTorch's. The engine
 * checks every call against these rules before a backend sees it. Attribute structs start with their size. */
#ifndef FUSOR_OPS_H
#define FUSOR_OPS_H

#include "fusor/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fusor_op {
  /* -- convolution and matrix products: activation(product + bias + residual) ------------------------------
   */
  FUSOR_OP_CONV2D =
      0, /* x [n,c,h,w], weight [k,c/groups,r,s], [bias [k]], [residual [n,k,p,q]] -> [n,k,p,q] */
  FUSOR_OP_LINEAR = 1, /* x [...,i], weight [o,i], [bias [o]], [residual [...,o]] -> [...,o] */
  FUSOR_OP_MATMUL = 2, /* a [...,m,k], b [...,k,n], batch dimensions broadcast -> [...,m,n]; ranks >= 2 */
  /* -- normalization ---------------------------------------------------------------------------------------
   */
  FUSOR_OP_BATCH_NORM =
      3, /* x [n,c,...], mean [c], variance [c], [weight [c]], [bias [c]], [residual like x] -> like x */
  FUSOR_OP_BATCH_NORM_TRAINING =
      4, /* same inputs without residual -> output like x, mean [c], variance [c] (running) */
  FUSOR_OP_LAYER_NORM = 5,     /* x, [weight], [bias] over the last `normalized_rank` dimensions -> like x */
  FUSOR_OP_ADD_LAYER_NORM = 6, /* x, residual, [weight], [bias] -> sum, output */
  FUSOR_OP_RMS_NORM = 7,       /* x, [weight] -> like x */
  FUSOR_OP_GROUP_NORM = 8,     /* x [n,c,...], [weight [c]], [bias [c]] -> like x */
  /* -- elementwise -----------------------------------------------------------------------------------------
   */
  FUSOR_OP_RESIDUAL_ADD = 9, /* x, residual (same shape) -> activation(x + residual) */
  FUSOR_OP_UNARY = 10,       /* x -> like x */
  FUSOR_OP_BINARY = 11,      /* a, b, broadcasting, same dtype -> promoted shape; comparisons give u8 */
  FUSOR_OP_WHERE = 12,       /* condition u8, a, b, broadcasting -> a where condition != 0, else b */
  FUSOR_OP_CONVERT = 13,     /* x -> same shape in attribute dtype, contiguous */
  /* -- softmax and reductions ------------------------------------------------------------------------------
   */
  FUSOR_OP_SOFTMAX = 14,    /* x -> softmax (or its logarithm) along one dimension */
  FUSOR_OP_REDUCE = 15,     /* x -> reduced over the dimensions in `dims` */
  FUSOR_OP_ARG_REDUCE = 16, /* x -> i64 index of the first greatest (least) element along `dim` */
  FUSOR_OP_TOPK = 17,       /* x -> values, indices i64 */
  /* -- pooling over the last two dimensions of [n,c,h,w] ----------------------------------------------------
   */
  FUSOR_OP_MAX_POOL2D = 18,
  FUSOR_OP_AVG_POOL2D = 19,
  FUSOR_OP_ADAPTIVE_AVG_POOL2D = 20,
  FUSOR_OP_ADAPTIVE_MAX_POOL2D = 21,
  /* -- moving data -----------------------------------------------------------------------------------------
   */
  FUSOR_OP_PAD = 22,    /* x -> padded with a constant, or by reflection or replication */
  FUSOR_OP_CONCAT = 23, /* 1 to 1024 inputs -> joined along `dim` */
  FUSOR_OP_GATHER = 24, /* x, index i32/i64 of x's rank -> torch.gather(x, dim, index) */
  FUSOR_OP_INDEX_SELECT =
      25, /* x, index i32/i64 of any rank -> x with dimension `dim` replaced by index's shape */
  FUSOR_OP_RESHAPE = 26, /* x -> view if strides allow, else a copy */
  FUSOR_OP_PERMUTE = 27, /* x -> view */
  FUSOR_OP_SLICE = 28,   /* x -> view */
  FUSOR_OP_EXPAND = 29,  /* x -> view, size-1 dimensions repeated */
  /* -- making data -----------------------------------------------------------------------------------------
   */
  FUSOR_OP_FILL = 30,   /* -> `shape` full of one value */
  FUSOR_OP_ARANGE = 31, /* -> [count]: start + i * step */
  FUSOR_OP_RANDOM =
      32, /* -> `shape` from a counter-based generator: element i depends on (seed, offset + i) only */
  /* -- for compile -----------------------------------------------------------------------------------------
   */
  FUSOR_OP_FOLD_BATCH_NORM =
      33, /* weight [k,...], [bias [k]], mean, variance, [gamma], [beta] -> weight', bias' */
  FUSOR_OP_ASSIGN =
      34 /* destination, source -> destination's storage overwritten. The only op that changes an input. */
} fusor_op;
#define FUSOR_OP_COUNT 35
#define FUSOR_MAX_OUTPUTS 3

typedef enum fusor_activation_kind {
  FUSOR_ACTIVATION_NONE = 0,
  FUSOR_ACTIVATION_RELU = 1,      /* max(x, 0); NaN stays NaN */
  FUSOR_ACTIVATION_GELU = 2,      /* x * Phi(x), with erf */
  FUSOR_ACTIVATION_GELU_TANH = 3, /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
  FUSOR_ACTIVATION_SILU = 4,      /* x / (1 + exp(-x)) */
  FUSOR_ACTIVATION_CLAMP = 5      /* min(max(x, low), high) */
} fusor_activation_kind;

typedef struct fusor_activation {
  int32_t kind;
  float low, high; /* FUSOR_ACTIVATION_CLAMP only */
} fusor_activation;

typedef struct fusor_conv2d_attributes {
  uint32_t struct_size;
  int32_t stride[2];   /* height, width; >= 1 */
  int32_t padding[4];  /* top, bottom, left, right; >= 0 */
  int32_t dilation[2]; /* >= 1 */
  int32_t groups;
  fusor_activation activation;
} fusor_conv2d_attributes;

typedef struct fusor_linear_attributes {
  uint32_t struct_size;
  fusor_activation activation;
} fusor_linear_attributes;

typedef struct fusor_batch_norm_attributes { /* (x - mean) / sqrt(variance + epsilon) * weight + bias (+
                                                residual) */
  uint32_t struct_size;
  float epsilon;
  fusor_activation activation;
} fusor_batch_norm_attributes;

typedef struct fusor_batch_norm_training_attributes {
  uint32_t struct_size;
  float epsilon;
  float momentum; /* running = (1 - momentum) * running + momentum * batch; variance: unbiased in the running
                     one */
} fusor_batch_norm_training_attributes;

typedef struct fusor_layer_norm_attributes { /* LAYER_NORM, ADD_LAYER_NORM, RMS_NORM */
  uint32_t struct_size;
  int32_t normalized_rank; /* >= 1: how many trailing dimensions are normalized together */
  float epsilon;
} fusor_layer_norm_attributes;

typedef struct fusor_group_norm_attributes {
  uint32_t struct_size;
  int32_t groups;
  float epsilon;
} fusor_group_norm_attributes;

typedef struct fusor_residual_add_attributes {
  uint32_t struct_size;
  fusor_activation activation;
} fusor_residual_add_attributes;

typedef enum fusor_unary_function {
  FUSOR_UNARY_RELU = 0,
  FUSOR_UNARY_GELU,
  FUSOR_UNARY_GELU_TANH,
  FUSOR_UNARY_SILU,
  FUSOR_UNARY_SIGMOID,
  FUSOR_UNARY_TANH,
  FUSOR_UNARY_ERF,
  FUSOR_UNARY_EXP,
  FUSOR_UNARY_LOG,
  FUSOR_UNARY_SQRT,
  FUSOR_UNARY_RSQRT,
  FUSOR_UNARY_RECIPROCAL,
  FUSOR_UNARY_ABS,
  FUSOR_UNARY_NEG,
  FUSOR_UNARY_SQUARE,
  FUSOR_UNARY_SIGN,
  FUSOR_UNARY_FLOOR,
  FUSOR_UNARY_CEIL,
  FUSOR_UNARY_ROUND, /* half to even */
  FUSOR_UNARY_SIN,
  FUSOR_UNARY_COS,
  FUSOR_UNARY_CLAMP,      /* alpha = low, beta = high */
  FUSOR_UNARY_LEAKY_RELU, /* alpha = negative slope */
  FUSOR_UNARY_ELU,        /* alpha * (exp(x) - 1) below 0 */
  FUSOR_UNARY_SELU,
  FUSOR_UNARY_SOFTPLUS,     /* log(1 + exp(alpha x)) / alpha; linear where alpha x > beta */
  FUSOR_UNARY_MISH,         /* x * tanh(softplus(x)) */
  FUSOR_UNARY_HARD_SIGMOID, /* clamp(x / 6 + 1/2, 0, 1) */
  FUSOR_UNARY_HARD_SWISH,   /* x * hard sigmoid(x) */
  FUSOR_UNARY_LOGICAL_NOT,  /* any dtype -> u8 */
  FUSOR_UNARY_IS_NAN        /* f32 -> u8 */
} fusor_unary_function;
#define FUSOR_UNARY_COUNT 31

typedef struct fusor_unary_attributes {
  uint32_t struct_size;
  int32_t function;
  float alpha, beta;
} fusor_unary_attributes;

typedef enum fusor_binary_function {
  FUSOR_BINARY_ADD = 0,
  FUSOR_BINARY_SUB,
  FUSOR_BINARY_MUL,
  FUSOR_BINARY_DIV,       /* f32 only (the TypeScript face converts integers first, as PyTorch does) */
  FUSOR_BINARY_FLOOR_DIV, /* integers: rounds down; division by zero is 0 */
  FUSOR_BINARY_REMAINDER, /* sign of the divisor, as in Python; integers modulo zero are 0 */
  FUSOR_BINARY_POW,
  FUSOR_BINARY_MAXIMUM, /* NaN if either is */
  FUSOR_BINARY_MINIMUM,
  FUSOR_BINARY_EQ,
  FUSOR_BINARY_NE,
  FUSOR_BINARY_LT,
  FUSOR_BINARY_LE,
  FUSOR_BINARY_GT,
  FUSOR_BINARY_GE,
  FUSOR_BINARY_LOGICAL_AND, /* -> u8 */
  FUSOR_BINARY_LOGICAL_OR   /* -> u8 */
} fusor_binary_function;
#define FUSOR_BINARY_COUNT 17

typedef struct fusor_binary_attributes {
  uint32_t struct_size;
  int32_t function;
} fusor_binary_attributes;

typedef struct fusor_convert_attributes {
  uint32_t struct_size;
  int32_t dtype; /* floats to integers truncate and saturate, NaN gives 0 */
} fusor_convert_attributes;

typedef struct fusor_softmax_attributes {
  uint32_t struct_size;
  int32_t dim; /* 0 to rank - 1 */
  int32_t log; /* 1: the logarithm of the softmax */
} fusor_softmax_attributes;

typedef enum fusor_reduce_function {
  FUSOR_REDUCE_SUM = 0,
  FUSOR_REDUCE_MEAN, /* f32 only */
  FUSOR_REDUCE_MAX,  /* NaN if any is */
  FUSOR_REDUCE_MIN,
  FUSOR_REDUCE_PROD,
  FUSOR_REDUCE_VARIANCE, /* divided by count - correction; f32 only */
  FUSOR_REDUCE_ANY,      /* -> u8 */
  FUSOR_REDUCE_ALL       /* -> u8 */
} fusor_reduce_function;
#define FUSOR_REDUCE_COUNT 8

typedef struct fusor_reduce_attributes { /* sum and prod of i32 and u8 give i64, as in PyTorch */
  uint32_t struct_size;
  int32_t function;
  int32_t dim_count;
  int32_t dims[FUSOR_MAX_RANK]; /* ascending, 0 to rank - 1 */
  int32_t keep_dims;
  float correction; /* FUSOR_REDUCE_VARIANCE */
} fusor_reduce_attributes;

typedef struct fusor_arg_reduce_attributes {
  uint32_t struct_size;
  int32_t dim;
  int32_t least; /* 0: argmax, 1: argmin; NaN wins either way, as in PyTorch */
  int32_t keep_dims;
} fusor_arg_reduce_attributes;

typedef struct fusor_topk_attributes {
  uint32_t struct_size;
  int64_t k;
  int32_t dim;
  int32_t largest; /* equal elements: the lower index first */
  int32_t sorted;
} fusor_topk_attributes;

typedef struct fusor_pool2d_attributes {
  uint32_t struct_size;
  int32_t kernel[2];
  int32_t stride[2];
  int32_t padding[4];  /* top, bottom, left, right; at most half the kernel */
  int32_t dilation[2]; /* FUSOR_OP_MAX_POOL2D only, else 1 */
  int32_t ceil_mode;
  int32_t count_include_pad; /* FUSOR_OP_AVG_POOL2D only */
} fusor_pool2d_attributes;

typedef struct fusor_adaptive_pool2d_attributes {
  uint32_t struct_size;
  int32_t output_size[2]; /* bin i covers floor(i h / out) to ceil((i + 1) h / out) */
} fusor_adaptive_pool2d_attributes;

typedef enum fusor_pad_mode { FUSOR_PAD_CONSTANT = 0, FUSOR_PAD_REFLECT, FUSOR_PAD_REPLICATE } fusor_pad_mode;
#define FUSOR_PAD_MODE_COUNT 3

typedef struct fusor_pad_attributes {
  uint32_t struct_size;
  int32_t rank;
  int64_t before[FUSOR_MAX_RANK]; /* per dimension; negative crops (FUSOR_PAD_CONSTANT only) */
  int64_t after[FUSOR_MAX_RANK];
  int32_t mode;
  double value;
} fusor_pad_attributes;

typedef struct fusor_dim_attributes { /* CONCAT, GATHER, INDEX_SELECT */
  uint32_t struct_size;
  int32_t dim;
} fusor_dim_attributes;

typedef struct fusor_shape_attributes { /* RESHAPE, EXPAND */
  uint32_t struct_size;
  int32_t rank;
  int64_t shape[FUSOR_MAX_RANK]; /* concrete sizes: the -1 of reshape is resolved by the TypeScript face */
} fusor_shape_attributes;

typedef struct fusor_permute_attributes {
  uint32_t struct_size;
  int32_t rank;
  int32_t order[FUSOR_MAX_RANK];
} fusor_permute_attributes;

typedef struct fusor_slice_attributes {
  uint32_t struct_size;
  int32_t rank;
  int64_t start[FUSOR_MAX_RANK]; /* 0 <= start <= end <= size */
  int64_t end[FUSOR_MAX_RANK];
  int64_t step[FUSOR_MAX_RANK]; /* >= 1 */
} fusor_slice_attributes;

typedef struct fusor_fill_attributes {
  uint32_t struct_size;
  int32_t rank;
  int64_t shape[FUSOR_MAX_RANK];
  int32_t dtype;
  double value;
} fusor_fill_attributes;

typedef struct fusor_arange_attributes {
  uint32_t struct_size;
  int64_t count;
  double start, step;
  int32_t dtype;
} fusor_arange_attributes;

typedef enum fusor_random_distribution {
  FUSOR_RANDOM_UNIFORM = 0, /* low <= x < high */
  FUSOR_RANDOM_NORMAL,      /* low = mean, high = standard deviation */
  FUSOR_RANDOM_BERNOULLI    /* 1 with probability `high`, else 0 */
} fusor_random_distribution;
#define FUSOR_RANDOM_COUNT 3

typedef struct fusor_random_attributes { /* Philox4x32-10, f32 */
  uint32_t struct_size;
  int32_t rank;
  int64_t shape[FUSOR_MAX_RANK];
  int32_t distribution;
  float low, high;
  uint64_t seed;
  uint64_t offset; /* index of the first element in the generator's stream */
} fusor_random_attributes;

typedef struct fusor_fold_batch_norm_attributes {
  uint32_t struct_size;
  float epsilon;
} fusor_fold_batch_norm_attributes;

#ifdef __cplusplus
}
#endif
#endif
