"""Writes the tensors of torch_cases.py's `dtypes` case with the reference implementation of safetensors.

usage: safetensors_cases.py OUT.safetensors

The values are those of dtypes.json beside the golden files; transposed ones are made contiguous, as save_file wants.
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
names = {
    'f64': torch.float64, 'f32': torch.float32, 'f16': torch.float16, 'bf16': torch.bfloat16, 'i64': torch.int64,
    'i32': torch.int32, 'i16': torch.int16, 'i8': torch.int8, 'u8': torch.uint8, 'bool': torch.bool,
    'u64': torch.uint64, 'u32': torch.uint32, 'u16': torch.uint16, 'f8_e4m3': torch.float8_e4m3fn,
    'f8_e5m2': torch.float8_e5m2, 'f8_e8m0': torch.float8_e8m0fnu, 'f8_e4m3fnuz': torch.float8_e4m3fnuz,
    'f8_e5m2fnuz': torch.float8_e5m2fnuz,
}
tensors = {}
with open(os.path.join(here, '..', 'fixtures', 'dtypes.json')) as file:
    for name, case in json.load(file).items():
        data = torch.tensor(list(bytes.fromhex(case['hex'])), dtype=torch.uint8)
        tensors[name] = data.view(names[case['dtype']]).reshape(case['shape'])
tensors['scalar'] = torch.tensor(2.5)
tensors['empty'] = torch.zeros(3, 0, dtype=torch.float64)
tensors['naïve \u2713 "quoted" \U0001f600'] = torch.arange(3, dtype=torch.int16)
save_file(tensors, sys.argv[1], metadata={'format': 'pt'})
