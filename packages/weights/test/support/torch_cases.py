"""Writes tensors of every shape of trouble with torch.save, and what a reader must make of them as JSON.

usage: torch_cases.py OUT.pth OUT.json --case small|large|checkpoint|dtypes --container zip|stream [--protocol N]

The JSON maps names to {dtype, shape, hex}: the bytes of the contiguous tensor, little-endian.
"""
import argparse
import collections
import json

import torch

DTYPES = {
    'float64': 'f64', 'float32': 'f32', 'float16': 'f16', 'bfloat16': 'bf16', 'int64': 'i64', 'int32': 'i32',
    'int16': 'i16', 'int8': 'i8', 'uint8': 'u8', 'bool': 'bool', 'uint64': 'u64', 'uint32': 'u32', 'uint16': 'u16',
    'float8_e4m3fn': 'f8_e4m3', 'float8_e5m2': 'f8_e5m2', 'float8_e8m0fnu': 'f8_e8m0',
    'float8_e4m3fnuz': 'f8_e4m3fnuz', 'float8_e5m2fnuz': 'f8_e5m2fnuz',
}


def known():
    """(torch dtype, our name) of the dtypes that this PyTorch has."""
    return [(getattr(torch, name), ours) for name, ours in DTYPES.items() if hasattr(torch, name)]


def small():
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    shared = torch.arange(6, dtype=torch.int64)
    cases = collections.OrderedDict()
    cases['base'] = base
    cases['permuted'] = base.permute(2, 0, 1)
    cases['row'] = base[1]
    cases['column'] = base[:, 1]
    cases['step'] = base[..., ::2]
    cases['offset'] = base.reshape(-1)[5:11]
    cases['element'] = base[1, 2, 3]
    cases['empty_view'] = base[:, 0:0]
    cases['expand_rows'] = torch.arange(3, dtype=torch.int16).expand(4, 3)
    cases['expand_columns'] = torch.arange(3, dtype=torch.float64)[:, None].expand(3, 4)
    cases['expand_scalar'] = torch.tensor(7, dtype=torch.uint8).expand(2, 2)
    cases['windows'] = shared.unfold(0, 3, 1)
    cases['shared_tail'] = shared[2:]
    cases['odd_strides_of_ones'] = torch.arange(3.0).as_strided((1, 3, 1), (100, 1, 7))
    cases['scalar'] = torch.tensor(-3, dtype=torch.int64)
    cases['empty'] = torch.zeros(0)
    cases['empty_3d'] = torch.zeros(3, 0, 2, dtype=torch.float16)
    cases['parameter'] = torch.nn.Parameter(torch.tensor([0.5, -0.25]))
    cases['parameter_view'] = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).t())
    cases['tied_a'] = torch.tensor([1.5, 2.5])
    cases['tied_b'] = cases['tied_a']
    cases['channels_last'] = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    cases['bool'] = torch.tensor([[True, False, True], [False, False, True]]).t()
    cases['half'] = torch.tensor([1.0, float('nan'), float('-inf'), -0.0, 6e-8, 65504.0], dtype=torch.float16)
    cases['bfloat'] = torch.tensor([[1.0, -2.5], [float('inf'), 3e38]], dtype=torch.bfloat16).t()
    cases['buffer'] = torch.tensor([-(2 ** 63), 2 ** 63 - 1], dtype=torch.int64)
    return cases


def dtypes():
    """Every dtype, contiguous and transposed, from arbitrary bytes."""
    cases = collections.OrderedDict()
    for dtype, ours in known():
        size = torch.empty(0, dtype=dtype).element_size()
        values = torch.tensor([(37 * i + 11) % 256 for i in range(6 * size)], dtype=torch.uint8)
        if dtype == torch.bool:
            values = values % 2
        tensor = values.view(dtype).reshape(2, 3)
        cases[ours] = tensor
        cases[ours + '.t'] = tensor.t()
    return cases


def large():
    """Views that do not fit one slice of the reader."""
    wide = torch.randn(613, 719)
    cases = collections.OrderedDict()
    cases['transposed'] = wide.t()
    cases['cut'] = wide[3:, 5:-7]
    cases['steps'] = wide[::2, ::3]
    cases['double'] = torch.randn(257, 509, dtype=torch.float64).t()
    cases['bytes'] = torch.randint(0, 256, (1021, 1031), dtype=torch.uint8).t()
    cases['half'] = torch.randn(67, 71, 73).half().permute(2, 0, 1)
    cases['channels_last'] = torch.randn(64, 61, 3, 3).contiguous(memory_format=torch.channels_last)
    cases['expanded'] = torch.randn(1, 1031).expand(307, 1031)
    cases['repeated'] = torch.randn(1031, 1).expand(1031, 307)
    cases['parameter'] = torch.nn.Parameter(wide)
    return cases


def expected(cases):
    names = {dtype: ours for dtype, ours in known()}
    result = {}
    for name, tensor in cases.items():
        data = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
        result[name] = {'dtype': names[tensor.dtype], 'shape': list(tensor.shape), 'hex': bytes(data.tolist()).hex()}
    return result


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('pth')
    arguments.add_argument('json')
    arguments.add_argument('--case', required=True, choices=['small', 'large', 'checkpoint', 'dtypes'])
    arguments.add_argument('--container', required=True, choices=['zip', 'stream'])
    arguments.add_argument('--protocol', type=int, default=2)
    options = arguments.parse_args()
    torch.manual_seed(5)
    if options.case == 'checkpoint':
        layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        layer(torch.ones(4, 3)).sum().backward()
        optimizer.step()
        wrapped = torch.nn.DataParallel(layer)
        cases = layer.state_dict()
        document = {
            'epoch': 90, 'arch': 'tiny', 'best_acc1': torch.tensor(76.5), 'loss': 0.25, 'done': True, 'none': None,
            'milestones': collections.Counter([30, 60]), 'history': [1, (2.5, 'x'), b'raw', {4, 5}, 2 ** 70],
            'shape': torch.Size([1, 3]), 'dtype': torch.float16, 'device': torch.device('cpu'),
            'optimizer': optimizer.state_dict(), 'state_dict': wrapped.state_dict(),
        }
    else:
        cases = {'small': small, 'large': large, 'dtypes': dtypes}[options.case]()
        document = cases
    zipped = options.container == 'zip'
    torch.save(document, options.pth, pickle_protocol=options.protocol, _use_new_zipfile_serialization=zipped)
    with open(options.json, 'w') as file:
        json.dump(expected(cases), file, separators=(',', ':'))
        file.write('\n')


main()
