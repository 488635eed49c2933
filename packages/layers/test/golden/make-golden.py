"""Writes layers.golden: layers of PyTorch with their parameters, inputs and outputs, and their documented defaults.

Run with an interpreter that has PyTorch (1.13 made the committed file): python3 make-golden.py
Inputs and parameters are multiples of 1/32, so that the file stays small and they are exact in f32.
"""

import inspect
import json
import pathlib

import torch
from torch import nn

torch.manual_seed(20261123)
torch.set_num_threads(1)


def grid(*shape, scale=1.0):
    return torch.round(torch.randn(*shape) * scale * 32) / 32


def plain(tensor):
    if tensor.dtype in (torch.int64, torch.bool):
        return {"dtype": "i64" if tensor.dtype == torch.int64 else "u8", "shape": list(tensor.shape), "data": tensor.flatten().int().tolist()}
    return {"dtype": "f32", "shape": list(tensor.shape), "data": [float(f"{v:.8g}") for v in tensor.flatten().tolist()]}


def settle(module):
    """Puts numbers of the grid into all parameters and statistics; variances stay positive."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.dtype == torch.int64:
                continue
            value = grid(*tensor.shape, scale=0.5)
            if name.endswith("running_var"):
                value = value.abs() + 0.5
            tensor.copy_(value)
    return module


cases = []


def case(name, make, module, *inputs, train=False, **call):
    """`make` is the TypeScript that builds the same layer, as data: [class, positional arguments, options]."""
    settle(module)
    module.train(train)
    state = {key: plain(value) for key, value in module.state_dict().items()}
    with torch.no_grad():
        outputs = module(*inputs, **call)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    entry = {
        "name": name,
        "make": make,
        "state": state,
        "inputs": [plain(x) for x in inputs],
        "outputs": [None if x is None else plain(x) for x in outputs],
    }
    if train:
        entry["train"] = True
        entry["after"] = {key: plain(value) for key, value in module.state_dict().items()}
    cases.append(entry)


image = grid(2, 4, 7, 6)
case("Conv2d defaults", ["Conv2d", [4, 6, 3]], nn.Conv2d(4, 6, 3), image)
case("Conv2d stride, padding, no bias", ["Conv2d", [4, 6, 3, {"stride": 2, "padding": 1, "bias": False}]], nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), image)
case("Conv2d rectangular", ["Conv2d", [4, 3, [1, 3], {"stride": [2, 1], "padding": [0, 2]}]], nn.Conv2d(4, 3, (1, 3), stride=(2, 1), padding=(0, 2)), image)
case("Conv2d groups and dilation", ["Conv2d", [4, 8, 3, {"groups": 2, "dilation": [1, 2], "padding": 1}]], nn.Conv2d(4, 8, 3, groups=2, dilation=(1, 2), padding=1), image)
case("Conv2d depthwise", ["Conv2d", [4, 4, 3, {"groups": 4, "padding": 1}]], nn.Conv2d(4, 4, 3, groups=4, padding=1), image)
case("Conv2d same, even kernel", ["Conv2d", [4, 3, [4, 2], {"padding": "same"}]], nn.Conv2d(4, 3, (4, 2), padding="same"), image)
case("Conv2d same, dilated", ["Conv2d", [4, 3, 3, {"padding": "same", "dilation": 2}]], nn.Conv2d(4, 3, 3, padding="same", dilation=2), image)
case("Conv2d reflect", ["Conv2d", [4, 3, 3, {"padding": [1, 2], "paddingMode": "reflect"}]], nn.Conv2d(4, 3, 3, padding=(1, 2), padding_mode="reflect"), image)
case("Conv2d replicate, same", ["Conv2d", [4, 3, [2, 3], {"padding": "same", "paddingMode": "replicate"}]], nn.Conv2d(4, 3, (2, 3), padding="same", padding_mode="replicate"), image)
case("Conv2d without batch", ["Conv2d", [4, 3, 3]], nn.Conv2d(4, 3, 3), image[0])
row = grid(2, 4, 9)
case("Conv1d defaults", ["Conv1d", [4, 5, 3]], nn.Conv1d(4, 5, 3), row)
case("Conv1d stride, padding, groups", ["Conv1d", [4, 6, 3, {"stride": 2, "padding": 2, "groups": 2, "dilation": 2}]], nn.Conv1d(4, 6, 3, stride=2, padding=2, groups=2, dilation=2), row)
case("Conv1d same, even kernel", ["Conv1d", [4, 2, 4, {"padding": "same"}]], nn.Conv1d(4, 2, 4, padding="same"), row)
case("Conv1d replicate without batch", ["Conv1d", [4, 2, 3, {"padding": 2, "paddingMode": "replicate"}]], nn.Conv1d(4, 2, 3, padding=2, padding_mode="replicate"), row[0])

case("Linear", ["Linear", [5, 3]], nn.Linear(5, 3), grid(4, 5))
case("Linear of three dimensions, no bias", ["Linear", [5, 3, {"bias": False}]], nn.Linear(5, 3, bias=False), grid(2, 3, 5))
case("Linear of one dimension", ["Linear", [5, 3]], nn.Linear(5, 3), grid(5))

for train in (False, True):
    mode = "training" if train else "inference"
    case(f"BatchNorm2d {mode}", ["BatchNorm2d", [4]], nn.BatchNorm2d(4), image, train=train)
    case(f"BatchNorm1d {mode}, [n, c]", ["BatchNorm1d", [5]], nn.BatchNorm1d(5), grid(6, 5), train=train)
    case(f"BatchNorm1d {mode}, [n, c, l]", ["BatchNorm1d", [4, {"eps": 0.01, "momentum": 0.25}]], nn.BatchNorm1d(4, eps=0.01, momentum=0.25), row, train=train)
    case(f"BatchNorm3d {mode}, not affine", ["BatchNorm3d", [3, {"affine": False}]], nn.BatchNorm3d(3, affine=False), grid(2, 3, 2, 3, 2), train=train)
    case(f"BatchNorm2d {mode}, without statistics", ["BatchNorm2d", [4, {"trackRunningStats": False}]], nn.BatchNorm2d(4, track_running_stats=False), image, train=train)
    case(f"BatchNorm2d {mode}, average of all batches", ["BatchNorm2d", [4, {"momentum": None}]], nn.BatchNorm2d(4, momentum=None), image, train=train)
case("LayerNorm", ["LayerNorm", [5]], nn.LayerNorm(5), grid(3, 4, 5))
case("LayerNorm of two dimensions", ["LayerNorm", [[4, 5], {"eps": 0.1}]], nn.LayerNorm([4, 5], eps=0.1), grid(3, 4, 5))
case("LayerNorm not affine", ["LayerNorm", [[5], {"elementwiseAffine": False}]], nn.LayerNorm(5, elementwise_affine=False), grid(3, 5))
case("GroupNorm", ["GroupNorm", [2, 6]], nn.GroupNorm(2, 6), grid(2, 6, 3, 4))
case("GroupNorm of [n, c]", ["GroupNorm", [3, 6, {"affine": False}]], nn.GroupNorm(3, 6, affine=False), grid(4, 6))
case("InstanceNorm2d", ["InstanceNorm2d", [4]], nn.InstanceNorm2d(4), image)
case("InstanceNorm2d affine", ["InstanceNorm2d", [4, {"affine": True}]], nn.InstanceNorm2d(4, affine=True), image)
case("InstanceNorm2d without batch", ["InstanceNorm2d", [4]], nn.InstanceNorm2d(4), image[0])

line = torch.cat([torch.linspace(-8, 8, 33), torch.tensor([0.0, 25.0, -25.0, 100.0, -100.0])])
for name, make, module in [
    ("ReLU", ["ReLU", []], nn.ReLU()),
    ("ReLU6", ["ReLU6", []], nn.ReLU6()),
    ("Hardtanh", ["Hardtanh", []], nn.Hardtanh()),
    ("Hardtanh with bounds", ["Hardtanh", [-2, 0.5]], nn.Hardtanh(-2, 0.5)),
    ("LeakyReLU", ["LeakyReLU", []], nn.LeakyReLU()),
    ("LeakyReLU steep", ["LeakyReLU", [0.25]], nn.LeakyReLU(0.25)),
    ("PReLU", ["PReLU", []], nn.PReLU()),
    ("ELU", ["ELU", []], nn.ELU()),
    ("ELU with alpha", ["ELU", [0.5]], nn.ELU(0.5)),
    ("SELU", ["SELU", []], nn.SELU()),
    ("GELU", ["GELU", []], nn.GELU()),
    ("GELU by tanh", ["GELU", [{"approximate": "tanh"}]], nn.GELU(approximate="tanh")),
    ("SiLU", ["SiLU", []], nn.SiLU()),
    ("Mish", ["Mish", []], nn.Mish()),
    ("Sigmoid", ["Sigmoid", []], nn.Sigmoid()),
    ("LogSigmoid", ["LogSigmoid", []], nn.LogSigmoid()),
    ("Tanh", ["Tanh", []], nn.Tanh()),
    ("Softplus", ["Softplus", []], nn.Softplus()),
    ("Softplus with beta", ["Softplus", [{"beta": 2, "threshold": 5}]], nn.Softplus(2, 5)),
    ("Hardsigmoid", ["Hardsigmoid", []], nn.Hardsigmoid()),
    ("Hardswish", ["Hardswish", []], nn.Hardswish()),
    ("Softmax", ["Softmax", [0]], nn.Softmax(0)),
    ("LogSoftmax", ["LogSoftmax", [-1]], nn.LogSoftmax(-1)),
]:
    case(name, make, module, line)
case("PReLU per channel", ["PReLU", [{"parameters": 4}]], nn.PReLU(4), image)
case("Softmax of a middle dimension", ["Softmax", [1]], nn.Softmax(1), row)

case("MaxPool2d", ["MaxPool2d", [2]], nn.MaxPool2d(2), image)
case("MaxPool2d of ResNet", ["MaxPool2d", [3, {"stride": 2, "padding": 1}]], nn.MaxPool2d(3, stride=2, padding=1), image)
case("MaxPool2d ceil, dilated", ["MaxPool2d", [[2, 3], {"stride": [3, 2], "dilation": [2, 1], "ceilMode": True}]], nn.MaxPool2d((2, 3), stride=(3, 2), dilation=(2, 1), ceil_mode=True), image)
case("MaxPool1d", ["MaxPool1d", [3, {"stride": 2, "padding": 1}]], nn.MaxPool1d(3, stride=2, padding=1), row)
case("AvgPool2d", ["AvgPool2d", [2]], nn.AvgPool2d(2), image)
case("AvgPool2d with padding", ["AvgPool2d", [3, {"stride": 2, "padding": 1}]], nn.AvgPool2d(3, stride=2, padding=1), image)
case("AvgPool2d without counting padding, ceil", ["AvgPool2d", [3, {"stride": 2, "padding": 1, "ceilMode": True, "countIncludePad": False}]], nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), image)
case("AvgPool1d", ["AvgPool1d", [2]], nn.AvgPool1d(2), row)
case("AdaptiveAvgPool2d", ["AdaptiveAvgPool2d", [[3, 4]]], nn.AdaptiveAvgPool2d((3, 4)), image)
case("AdaptiveAvgPool2d of one size", ["AdaptiveAvgPool2d", [[None, 2]]], nn.AdaptiveAvgPool2d((None, 2)), image)
case("AdaptiveAvgPool2d global", ["AdaptiveAvgPool2d", [1]], nn.AdaptiveAvgPool2d(1), image)
case("AdaptiveMaxPool2d", ["AdaptiveMaxPool2d", [[5, 4]]], nn.AdaptiveMaxPool2d((5, 4)), image)

case("AdaptiveAvgPool1d", ["AdaptiveAvgPool1d", [4]], nn.AdaptiveAvgPool1d(4), row)
case("AdaptiveMaxPool1d without batch", ["AdaptiveMaxPool1d", [2]], nn.AdaptiveMaxPool1d(2), row[0])

case("PixelShuffle", ["PixelShuffle", [2]], nn.PixelShuffle(2), grid(2, 8, 2, 3))
case("PixelShuffle without batch", ["PixelShuffle", [3]], nn.PixelShuffle(3), grid(9, 2, 1))
case("Flatten", ["Flatten", []], nn.Flatten(), image)
case("Flatten of some", ["Flatten", [0, 2]], nn.Flatten(0, 2), image)
case("Unflatten", ["Unflatten", [1, [2, 3]]], nn.Unflatten(1, (2, 3)), grid(2, 6, 2))
case("Unflatten the rest", ["Unflatten", [-1, [2, -1]]], nn.Unflatten(-1, (2, -1)), grid(2, 6))
case("ZeroPad2d", ["ZeroPad2d", [[1, 2, 0, 3]]], nn.ZeroPad2d((1, 2, 0, 3)), image)
case("ZeroPad2d cutting off", ["ZeroPad2d", [[-1, 2, 0, -2]]], nn.ZeroPad2d((-1, 2, 0, -2)), image)
case("ConstantPad2d", ["ConstantPad2d", [1, 2.5]], nn.ConstantPad2d(1, 2.5), image)
case("ReflectionPad2d", ["ReflectionPad2d", [[2, 1, 3, 0]]], nn.ReflectionPad2d((2, 1, 3, 0)), image)
case("ReplicationPad2d", ["ReplicationPad2d", [2]], nn.ReplicationPad2d(2), image)
case("Embedding", ["Embedding", [7, 3]], nn.Embedding(7, 3), torch.tensor([[0, 6, 2], [2, 2, 5]]))
case("Dropout in inference", ["Dropout", []], nn.Dropout(), image)

sequence, memory = grid(5, 2, 8), grid(4, 2, 8)
case("MultiheadAttention, self", ["MultiheadAttention", [8, 2]], nn.MultiheadAttention(8, 2), sequence, sequence, sequence)
case("MultiheadAttention, cross", ["MultiheadAttention", [8, 4]], nn.MultiheadAttention(8, 4), sequence, memory, memory)
case("MultiheadAttention, three inputs", ["MultiheadAttention", [8, 2]], nn.MultiheadAttention(8, 2), sequence, memory, grid(4, 2, 8))
case("MultiheadAttention, other widths, batch first", ["MultiheadAttention", [8, 2, {"keyFeatures": 6, "valueFeatures": 3, "batchFirst": True, "bias": False}]], nn.MultiheadAttention(8, 2, kdim=6, vdim=3, batch_first=True, bias=False), grid(2, 5, 8), grid(2, 4, 6), grid(2, 4, 3))
case("MultiheadAttention without batch", ["MultiheadAttention", [8, 2]], nn.MultiheadAttention(8, 2), grid(5, 8), grid(3, 8), grid(3, 8))


def attention_masks():
    module = settle(nn.MultiheadAttention(8, 2)).eval()
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    padding = torch.tensor([[False, False, False, True, True], [False, False, False, False, True]])
    bias = grid(4, 5, 5)
    with torch.no_grad():
        masked, weights = module(sequence, sequence, sequence, attn_mask=causal, key_padding_mask=padding, average_attn_weights=False)
        biased, _ = module(sequence, sequence, sequence, attn_mask=bias, need_weights=False)
    return {
        "state": {key: plain(value) for key, value in module.state_dict().items()},
        "input": plain(sequence),
        "causal": plain(causal),
        "padding": plain(padding),
        "bias": plain(bias),
        "masked": plain(masked),
        "weights": plain(weights),
        "biased": plain(biased),
    }


def defaults(layer):
    parameters = inspect.signature(layer.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty and p.name not in ("device", "dtype", "inplace")}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Identity()])
        self.head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(8, 2, bias=False))


names = ["Conv2d", "Conv1d", "Linear", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "GroupNorm", "InstanceNorm2d", "LeakyReLU", "PReLU", "ELU", "GELU", "Softplus", "Hardtanh", "MaxPool2d", "MaxPool1d", "AvgPool2d", "AvgPool1d", "Flatten", "Dropout", "Dropout2d", "Embedding", "MultiheadAttention"]
golden = {
    "torch": torch.__version__,
    "cases": cases,
    "masks": attention_masks(),
    "defaults": {name: defaults(getattr(nn, name)) for name in names},
    "tree": {
        "repr": str(Block()),
        "state": {key: list(value.shape) for key, value in Block().state_dict().items()},
        "parameters": [name for name, _ in Block().named_parameters()],
        "modules": [name for name, _ in Block().named_modules()],
    },
}
here = pathlib.Path(__file__).parent
(here / "layers.golden").write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False) + "\n")

small = settle(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)))
torch.save({"state_dict": {f"module.{key}": value for key, value in small.state_dict().items()}, "epoch": 7}, here / "small.pth")
