"""PyTorch as a rival of fusor-bench: runs networks on request.

Each line of standard input is a request, each line of standard output its answer (JSON):
  {"load": path, "threads": n}   reads a network, runs it once, writes its output (f32) to path + ".out"; answers {}
                                 with "device": "cuda" and "dtype": "f32", "f16" or "bf16" on the GPU: channels last, cuDNN's
                                 fastest algorithms in that type, replayed from a CUDA graph
  {"run": seconds}               runs it for about so long, at least once; answers {"milliseconds": median}
A request that fails is answered with {"error": why}. The first line of output is {"version": of PyTorch}.
"""
import json
import statistics
import sys
import time

answers = sys.stdout
# What libraries print must not look like answers.
sys.stdout = sys.stderr


def say(**answer):
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


try:
    import torch
    import torch.nn.functional as F
except Exception as error:  # not there, or it cannot be loaded
    say(error=f"{type(error).__name__}: {error}")
    sys.exit(0)


class Network(torch.nn.Module):
    """Walks over the nodes of a network whose batch-norms are folded."""

    def __init__(self, network, arrays):
        super().__init__()
        self.network = network
        for number, array in arrays.items():
            self.register_buffer(f"v{number}", array)

    def forward(self, x):
        values = {self.network["input"]: x}

        def get(number):
            if number < 0:
                return None
            return values[number] if number in values else getattr(self, f"v{number}")

        for node in self.network["nodes"]:
            inputs = [get(number) for number in node["inputs"]] + [None] * 4
            values[node["outputs"][0]] = operation(node, inputs)
        return values[self.network["output"]]


def epilogue(x, residual, attributes):
    if residual is not None:
        x = x + residual
    activation = attributes.get("activation", "none")
    if activation == "relu":
        return F.relu(x)
    if activation != "none":
        raise ValueError(f"activation {activation} is not known here")
    return x


def padded(x, attributes, value):
    """The input and the padding that is left for the operation: asymmetric padding is a step of its own."""
    top, bottom, left, right = attributes["padding"]
    if top == bottom and left == right:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def operation(node, inputs):
    op, attributes, x = node["op"], node["attributes"], inputs[0]
    if op == "conv2d":
        x, padding = padded(x, attributes, 0.0)
        x = F.conv2d(x, inputs[1], inputs[2], attributes["stride"], padding, attributes["dilation"], attributes["groups"])
        return epilogue(x, inputs[3], attributes)
    if op == "linear":
        return epilogue(F.linear(x, inputs[1], inputs[2]), inputs[3], attributes)
    if op == "residualAdd":
        return epilogue(x, inputs[1], attributes)
    if op == "maxPool2d":
        x, padding = padded(x, attributes, float("-inf"))
        ceil = bool(attributes["ceilMode"])
        return F.max_pool2d(x, attributes["kernel"], attributes["stride"], padding, attributes["dilation"], ceil)
    if op == "adaptiveAvgPool2d":
        return F.adaptive_avg_pool2d(x, attributes["outputSize"])
    if op == "reshape":
        return x.reshape(node["outputShape"])
    if op == "pad":
        pairs = zip(reversed(attributes["before"]), reversed(attributes["after"]))
        return F.pad(x, [size for pair in pairs for size in pair], value=attributes["value"])
    if op == "slice":
        bounds = zip(attributes["start"], attributes["end"], attributes["step"])
        return x[tuple(slice(start, end, step) for start, end, step in bounds)]
    raise ValueError(f"{op} is not known here")


DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def on_gpu(model, image, dtype):
    """The network captured into a CUDA graph; what it returns replays it and waits."""
    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU")
    torch.backends.cudnn.benchmark = True
    # f32 as it is elsewhere: ten bits of mantissa would be another computation.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    model = model.cuda().to(DTYPES[dtype], memory_format=torch.channels_last)
    image = image.cuda().to(DTYPES[dtype]).contiguous(memory_format=torch.channels_last)
    frozen = torch.jit.freeze(torch.jit.trace(model, image))
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            frozen(image)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = frozen(image)

    def replay(_):
        graph.replay()
        torch.cuda.synchronize()
        return output

    return replay, image


def load(path, threads, device, dtype):
    torch.set_num_threads(threads)
    with open(path, encoding="utf-8") as file:
        network = json.load(file)
    with open(network["data"], "rb") as file:
        data = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    arrays = {}
    for array in network["arrays"]:
        shape = array["shape"]
        count = 1
        for size in shape:
            count *= size
        arrays[array["id"]] = data[array["offset"] : array["offset"] + count].reshape(shape).clone()
    image = arrays.pop(network["input"])
    model = Network(network, arrays).eval()
    with torch.inference_mode():
        if device == "cuda":
            replay, image = on_gpu(model, image, dtype)
            write(path, replay(image).float().cpu())
            return replay, image
        frozen = torch.jit.freeze(torch.jit.trace(model, image))
        compiled = torch.jit.optimize_for_inference(frozen)
        # The profiling executor of TorchScript specializes a graph in its first runs.
        for _ in range(2):
            output = compiled(image)
    write(path, output)
    return compiled, image


def write(path, output):
    with open(path + ".out", "wb") as file:
        file.write(bytes(output.contiguous().reshape(-1).view(torch.uint8).tolist()))


def run(compiled, image, seconds):
    times = []
    begin = last = time.perf_counter()
    with torch.inference_mode():
        while True:
            compiled(image)
            now = time.perf_counter()
            times.append(now - last)
            last = now
            if now - begin >= seconds:
                return 1000 * statistics.median(times)


say(version=torch.__version__)
loaded = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if "load" in request:
            loaded = None
            loaded = load(request["load"], request["threads"], request.get("device", "cpu"), request.get("dtype", "f32"))
            say()
        elif loaded is None:
            say(error="no network is loaded")
        else:
            say(milliseconds=run(*loaded, request["run"]))
    except Exception as error:
        say(error=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
