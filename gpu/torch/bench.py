"""PyTorch on this GPU: `python3 bench.py NET BATCH`. Two lines of JSON: eager with channels last, and torch.compile with
max-autotune, whose runs are CUDA graphs; bf16, random weights and images, inputs in turns past the L2, medians of rounds."""
import json
import statistics
import sys
import time

L2_BYTES = 128 << 20  # more than that of any GPU so far
ROUNDS = 9
ROUND_SECONDS = 0.25

try:
    import torch
    from torch import nn
except Exception as error:
    print(json.dumps({"skipped": f"PyTorch cannot be loaded: {type(error).__name__}: {error}"}))
    sys.exit(0)


class Block(nn.Module):
    """A basic block or a bottleneck, as torchvision has them; here so that torchvision need not be."""

    def __init__(self, inputs, channels, stride, expansion):
        super().__init__()
        outputs = channels * expansion

        def conv(a, b, size, step=1):
            return nn.Sequential(nn.Conv2d(a, b, size, step, size // 2, bias=False), nn.BatchNorm2d(b))

        if expansion == 1:
            layers = [conv(inputs, channels, 3, stride), nn.ReLU(inplace=True), conv(channels, channels, 3)]
        else:
            layers = [
                *(conv(inputs, channels, 1), nn.ReLU(inplace=True)),
                *(conv(channels, channels, 3, stride), nn.ReLU(inplace=True)),
                conv(channels, outputs, 1),
            ]
        self.layers = nn.Sequential(*layers)
        self.shortcut = conv(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else nn.Identity()

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))


def resnet(name):
    expansion, counts = {
        "resnet18": (1, [2, 2, 2, 2]),
        "resnet26": (1, [2, 2, 4, 4]),
        "resnet34": (1, [3, 4, 6, 3]),
        "resnet50": (4, [3, 4, 6, 3]),
        "resnet101": (4, [3, 4, 23, 3]),
        "resnet152": (4, [3, 8, 36, 3]),
    }[name]
    stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    blocks, inputs = [], 64
    for stage, count in enumerate(counts):
        channels = 64 << stage
        for index in range(count):
            blocks.append(Block(inputs, channels, 2 if stage > 0 and index == 0 else 1, expansion))
            inputs = channels * expansion
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def measure(model, images):
    def run(count):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for index in range(count):
            model(images[index % len(images)])
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / count

    for _ in range(3):
        warm = run(len(images))
    count = max(1, int(ROUND_SECONDS / warm))
    return [run(count) * 1000 for _ in range(ROUNDS)]


def main(name, batch):
    if not torch.cuda.is_available():
        print(json.dumps({"skipped": "PyTorch sees no GPU"}))
        return
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    model = resnet(name).eval().cuda().to(torch.bfloat16, memory_format=torch.channels_last)
    turns = min(64, max(2, -(-L2_BYTES // (batch * 3 * 224 * 224 * 2))))
    images = [
        torch.randn(batch, 3, 224, 224, device="cuda").to(torch.bfloat16, memory_format=torch.channels_last)
        for _ in range(turns)
    ]
    with torch.inference_mode():
        for how in ("eager, channels last", "torch.compile, max-autotune"):
            network = torch.compile(model, mode="max-autotune") if "compile" in how else model
            rounds = measure(network, images)
            middle = statistics.median(rounds)
            answer = {
                "how": how,
                "torch": torch.__version__,
                "gpu": torch.cuda.get_device_name(),
                "milliseconds": middle,
                "imagesPerSecond": batch * 1000 / middle,
                "rounds": rounds,
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
