#!/usr/bin/env python3
"""Times training or sampling steps of video-diffusion-pytorch's Unet3D on random clips: one line of JSON.

needs: torch, video-diffusion-pytorch (and what it imports: einops, einops-exts, rotary-embedding-torch)
"""
import argparse
import contextlib
import json
import resource
import sys
import time
import unittest.mock

import torch
from torch.utils.flop_counter import FlopCounterMode

# The package imports torchvision for its data set alone.
sys.modules["torchvision"] = unittest.mock.MagicMock()
from video_diffusion_pytorch import Unet3D  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--width", type=int, required=True)
parser.add_argument("--multiples", default="1,2,4,8")
parser.add_argument("--inputs", type=int, required=True, help="channels that come in")
parser.add_argument("--outputs", type=int, required=True)
parser.add_argument("--frames", type=int, default=15)
parser.add_argument("--size", type=int, required=True, help="pixels of what is diffused")
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--bfloat16", action="store_true", help="under autocast, as it is used")
parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
parser.add_argument("--compile", action="store_true", help="with torch.compile")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--sampling", action="store_true")
options = parser.parse_args()

torch.set_num_threads(options.threads)
torch.manual_seed(0)
model = Unet3D(
    dim=options.width, dim_mults=tuple(int(m) for m in options.multiples.split(",")), channels=options.inputs,
    out_dim=options.outputs).to(options.device)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
average = [] if options.sampling else [parameter.detach().clone() for parameter in model.parameters()]
shape = options.frames, options.size, options.size
x = torch.randn(options.batch, options.inputs, *shape, device=options.device)
target = torch.randn(options.batch, options.outputs, *shape, device=options.device)
steps = torch.randint(0, 1000, (options.batch,), device=options.device)
network = torch.compile(model) if options.compile else model


def wait():
    if options.device == "cuda":
        torch.cuda.synchronize()


def step():
    with torch.autocast(options.device, torch.bfloat16, enabled=options.bfloat16):
        if options.sampling:
            with torch.no_grad():
                return network(x, steps)
        loss = (network(x, steps).float() - target).square().mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    torch._foreach_lerp_(average, [parameter.detach() for parameter in model.parameters()], 0.001)


# A compiled network hides its operations from the counter.
counter = FlopCounterMode(display=False)
with contextlib.nullcontext() if options.compile else counter:
    step()
wait()
seconds = []
for _ in range(options.runs):
    start = time.perf_counter()
    step()
    wait()
    seconds.append(time.perf_counter() - start)
print(json.dumps({
    "seconds": seconds, "gflop": counter.get_total_flops() / 1e9,
    "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "device_bytes": torch.cuda.max_memory_allocated() if options.device == "cuda" else 0,
    "parameters": sum(p.numel() for p in model.parameters()),
}))
