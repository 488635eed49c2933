"""Logits of small residual networks from PyTorch, for models.test.ts. Writes torch/logits.json; needs python3-torch.

The networks are written here with torch.nn from the papers and torchvision's documentation, and every tensor of a
state dict is filled by a formula from its name, so that only the logits need to be recorded.
"""

import json
import math
import os
import zlib

import torch
from torch import nn
from torch.nn import functional as F


class Basic(nn.Module):
    expansion = 1

    def __init__(self, inputs, channels, stride, downsample, groups, width, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = downsample

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut)


class Bottle(nn.Module):
    expansion = 4

    def __init__(self, inputs, channels, stride, downsample, groups, width, dilation):
        super().__init__()
        inner = int(channels * width / 64) * groups
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, dilation, dilation, groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * 4)
        self.downsample = downsample

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + shortcut)


class ResNet(nn.Module):
    def __init__(self, block, layers, classes, groups=1, width=64, dilate=(False, False, False)):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs, dilation = 64, 1
        for stage, (channels, count) in enumerate(zip((64, 128, 256, 512), layers)):
            stride, first = (1 if stage == 0 else 2), dilation
            if stage > 0 and dilate[stage - 1]:
                dilation, stride = dilation * stride, 1
            outputs = channels * block.expansion
            blocks = []
            for index in range(count):
                s, d = (stride, first) if index == 0 else (1, dilation)
                down = None
                if index == 0 and (s != 1 or inputs != outputs):
                    down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, s, bias=False), nn.BatchNorm2d(outputs))
                blocks.append(block(inputs, channels, s, down, groups, width, d))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class CifarBlock(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.zeros = stride, (channels - inputs) // 2

    def forward(self, x):
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.zeros, self.zeros))
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut)


class CifarResNet(nn.Module):
    def __init__(self, blocks, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inputs = 16
        for stage, channels in enumerate((16, 32, 64)):
            items = []
            for index in range(blocks):
                items.append(CifarBlock(inputs, channels, 2 if stage > 0 and index == 0 else 1))
                inputs = channels
            setattr(self, f"layer{stage + 1}", nn.Sequential(*items))
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def filled(name, shape):
    """sin(i * step + phase), with the phase from the name, scaled so that activations stay near one."""
    count = math.prod(shape)
    phase = zlib.crc32(name.encode()) % 1000
    wave = torch.sin(torch.arange(count, dtype=torch.float64) * 0.7312345 + phase)
    if name.endswith("running_var"):
        wave = 1 + 0.5 * wave
    elif name.endswith("running_mean") or name.endswith("bias"):
        wave = 0.1 * wave
    elif len(shape) == 1:
        wave = 0.5 + 0.1 * wave
    else:
        wave = wave * math.sqrt(4 / (count / shape[0]))
    return wave.reshape(shape).float()


def record(model, shape):
    model.eval()
    state = model.state_dict()
    model.load_state_dict(
        {name: value if name.endswith("num_batches_tracked") else filled(name, tuple(value.shape)) for name, value in state.items()}
    )
    with torch.no_grad():
        logits = model.double()(filled("input", shape).double())
    return {"keys": list(state), "input": list(shape), "logits": [round(value, 9) for value in logits.flatten().tolist()]}


if __name__ == "__main__":
    result = {
        "basic": record(ResNet(Basic, (1, 2, 1, 1), 7), (2, 3, 64, 64)),
        "bottleneck": record(ResNet(Bottle, (1, 2, 1, 1), 7), (1, 3, 65, 97)),
        "grouped": record(ResNet(Bottle, (2, 1, 1, 1), 7, groups=4, width=16), (1, 3, 64, 64)),
        "wide": record(ResNet(Bottle, (1, 1, 1, 1), 7, width=96), (1, 3, 32, 32)),
        "dilated": record(ResNet(Bottle, (1, 1, 2, 2), 7, dilate=(False, True, True)), (1, 3, 64, 64)),
        "cifar": record(CifarResNet(2, 10), (2, 3, 32, 32)),
    }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "logits.json"), "w") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
