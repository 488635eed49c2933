/* The ops' names in graphs, messages and descriptions, indexed by fusor_op. */
#ifndef FUSOR_OP_NAMES_H
#define FUSOR_OP_NAMES_H

#include "fusor/ops.h"

static const char* const fusor_op_names[FUSOR_OP_COUNT] = {"conv2d",
                                                           "linear",
                                                           "matmul",
                                                           "batchNorm",
                                                           "batchNormTraining",
                                                           "layerNorm",
                                                           "addLayerNorm",
                                                           "rmsNorm",
                                                           "groupNorm",
                                                           "residualAdd",
                                                           "unary",
                                                           "binary",
                                                           "where",
                                                           "convert",
                                                           "softmax",
                                                           "reduce",
                                                           "argReduce",
                                                           "topk",
                                                           "maxPool2d",
                                                           "avgPool2d",
                                                           "adaptiveAvgPool2d",
                                                           "adaptiveMaxPool2d",
                                                           "pad",
                                                           "concat",
                                                           "gather",
                                                           "indexSelect",
                                                           "reshape",
                                                           "permute",
                                                           "slice",
                                                           "expand",
                                                           "fill",
                                                           "arange",
                                                           "random",
                                                           "foldBatchNorm",
                                                           "assign"};

#endif
