#!/usr/bin/env python3
"""Stable Diffusion at its full size with random weights: writes FOLDER/model as diffusers saves it in float16, and
FOLDER/expected.safetensors with inputs and results of one U-Net step and one decoding in float32. Prints what each took
as JSON: seconds, seconds of all threads on processors, and the highest memory of the process in bytes with the weights.

MODEL is sd1 or sd2: the shapes of Stable Diffusion 1.5 (512x512) and 2.1 (768x768).
"""

import argparse
import gc
import json
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

UNETS = {
    "sd1": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd2": {
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
        "upcast_attention": True,
    },
}
TEXTS = {
    "sd1": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    "sd2": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
    },
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "sample_size": 512,
}
BPE = Path(__file__).resolve().parents[2] / "fixtures/train/bpe"


def highest_memory() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def forget_memory() -> None:
    """From here on the highest memory counts anew."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def cost(start: tuple[float, float]) -> dict[str, float]:
    seconds, processors = (after - before for before, after in zip(start, now()))
    return {"seconds": seconds, "processors": processors, "memory": highest_memory()}


def save(model: str, folder: Path) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(BPE, model_max_length=77)
    text = CLIPTextConfig(vocab_size=49408, bos_token_id=49406, eos_token_id=49407, **TEXTS[model])
    StableDiffusionPipeline(
        unet=UNet2DConditionModel(**UNETS[model]).half(),
        vae=AutoencoderKL(**VAE).half(),
        text_encoder=CLIPTextModel(text).half(),
        tokenizer=tokenizer,
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, variant="fp16", max_shard_size="1GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("model", choices=UNETS, metavar="MODEL")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    place = arguments.folder / "model"
    save(arguments.model, place)
    side, width = UNETS[arguments.model]["sample_size"], UNETS[arguments.model]["cross_attention_dim"]
    # Two of everything, as guidance has it.
    x, context = torch.randn(2, 4, side, side), torch.randn(2, 77, width)
    results, report = {"x": x.permute(0, 2, 3, 1), "context": context}, {}
    with torch.no_grad():
        unet = UNet2DConditionModel.from_pretrained(place / "unet", variant="fp16", torch_dtype=torch.float32)
        forget_memory()
        start = now()
        results["step"] = unet(x, torch.tensor([500, 500]), context).sample.permute(0, 2, 3, 1)
        report["step"] = cost(start)
        del unet
        vae = AutoencoderKL.from_pretrained(place / "vae", variant="fp16", torch_dtype=torch.float32)
        forget_memory()
        start = now()
        results["image"] = vae.decode(x[:1]).sample.permute(0, 2, 3, 1)
        report["decoding"] = cost(start)
    save_file({key: value.contiguous() for key, value in results.items()}, arguments.folder / "expected.safetensors")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
