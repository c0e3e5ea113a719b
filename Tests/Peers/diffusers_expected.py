#!/usr/bin/env python3
"""Makes what the tests of text to image compare with: FOLDER/networks.safetensors, FOLDER/trajectories.safetensors,
FOLDER/tokens.json, tiny models FOLDER/sd1 and FOLDER/sd2 as diffusers saves them, and their FOLDER/images.safetensors.

Blocks, networks and schedulers are those of `diffusers` and `transformers`, small ones of the shapes of Stable Diffusion
1.5 and 2.1. Parameters, inputs and the gradients of outputs come from one formula of a name (`values` of
torch_expected.py), which the tests share, so that the files hold results only. Networks run in float64; of a parameter's
gradient the file holds its product with a vector and its norm. Images are (N, H, W, C) in the files. The tiny models have
random weights; their images begin with the noise that PFrame draws (`RandomSeed` of the package in Python/).
"""

import argparse
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, PNDMScheduler
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.resnet import Downsample2D, ResnetBlock2D, Upsample2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from bpe_expected import ALPHABETS, TEXTS
from pframe.seeds import RandomSeed
from torch_expected import Cases, fill, first, last, on_images, values

UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": 8,
    "norm_num_groups": 8,
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
}
UNETS = {
    # One number of heads for all levels; the maps of transformers are convolutions.
    "sd1": {**UNET, "block_out_channels": (16, 32, 32), "attention_head_dim": 4, "cross_attention_dim": 24},
    # Heads of one width, linear maps, scores in float32.
    "sd2": {
        **UNET,
        "block_out_channels": (16, 32, 64),
        "attention_head_dim": (1, 2, 4),
        "cross_attention_dim": 32,
        "use_linear_projection": True,
        "upcast_attention": True,
    },
}
VAE = {
    "block_out_channels": (8, 16, 16, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "norm_num_groups": 8,
    "sample_size": 64,
}
TEXTS_OF = {
    "sd1": {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3},
    "sd2": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "hidden_act": "gelu",
    },
}
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
V_PREDICTION = DDIMScheduler(
    **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction"
)
TINY_UNET = {
    "sample_size": 8,
    "norm_num_groups": 4,
    "block_out_channels": (8, 8),
    "layers_per_block": 1,
    "cross_attention_dim": 8,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}
TINY_VAE = {
    "block_out_channels": (4, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "norm_num_groups": 4,
    "sample_size": 16,
}
TINY_TEXT = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
# What differs between the two: shapes of the U-Net, activation, scheduler, padding token, how the weights are saved.
TINY = {
    "sd1": (
        {"attention_head_dim": 2},
        "quick_gelu",
        PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1),
        "<|endoftext|>",
        {},
    ),
    "sd2": (
        {"attention_head_dim": (1, 2), "use_linear_projection": True, "upcast_attention": True},
        "gelu",
        V_PREDICTION,
        "!",
        {"variant": "fp16", "max_shard_size": "30KB"},
    ),
}
# Name, class, what differs from V_PREDICTION, and numbers of steps.
TRAJECTORIES = {
    "ddim leading": (DDIMScheduler, {}, (1, 7, 30)),
    "ddim to one": (DDIMScheduler, {"set_alpha_to_one": True, "steps_offset": 0}, (7,)),
    "ddim epsilon": (DDIMScheduler, {"prediction_type": "epsilon"}, (7,)),
    # Where T / n is no whole number, diffusers' DDIM goes T // n back from each time, past the next time.
    "ddim trailing": (DDIMScheduler, {"timestep_spacing": "trailing"}, (8, 20)),
    "ddim zero snr": (DDIMScheduler, {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True}, (8,)),
    "dpm linspace": (DPMSolverMultistepScheduler, {"timestep_spacing": "linspace"}, (1, 7, 25)),
    "dpm leading": (DPMSolverMultistepScheduler, {"timestep_spacing": "leading"}, (7, 20)),
    "dpm trailing": (DPMSolverMultistepScheduler, {"timestep_spacing": "trailing"}, (7,)),
    "dpm epsilon": (DPMSolverMultistepScheduler, {"timestep_spacing": "linspace", "prediction_type": "epsilon"}, (7,)),
}
BPE = Path(__file__).resolve().parents[2] / "fixtures/train/bpe"


def summarise(cases: Cases, name: str, module: nn.Module) -> None:
    """A row for each parameter, by name."""
    rows = []
    for key, tensor in sorted(module.named_parameters()):
        direction = values(f"{name}/direction.{key}", tuple(tensor.shape))
        rows.append(torch.stack([(tensor.grad * direction).sum(), tensor.grad.norm()]))
    cases.keep(f"{name}/summaries", torch.stack(rows))


def add(cases: Cases, name: str, call: Callable[..., torch.Tensor], module: nn.Module, **inputs: tuple) -> None:
    """A case whose parameters' gradients are summarised."""
    full = Cases()
    full.add(name, call, module, **inputs)
    for key, value in full.results.items():
        if key == f"{name}/output" or key.removeprefix(f"{name}/gradient.") in inputs:
            cases.results[key] = value
    summarise(cases, name, module)


def block_cases() -> Cases:
    """Every block."""
    cases = Cases()
    for name, inputs, step in [("", 16, None), (", skip", 8, None), (", step", 16, 12), (", both", 8, 12)]:
        # PFrame applies SiLU to the step embedding once, before all blocks.
        module = ResnetBlock2D(
            in_channels=inputs, out_channels=16, temb_channels=step, groups=8, eps=1e-5, skip_time_act=True
        )
        call = lambda m, x, temb=None: last(m(first(x), temb))  # noqa: E731
        embedding = {"step": ((2, step),)} if step else {}
        add(cases, f"image residual block{name}", call, module, x=((2, 5, 3, inputs),), **embedding)
    for linear in (False, True):
        module = Transformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=16,
            num_layers=2,
            cross_attention_dim=12,
            norm_num_groups=8,
            use_linear_projection=linear,
        )
        call = lambda m, x, text: last(m(first(x), encoder_hidden_states=text, return_dict=False)[0])  # noqa: E731
        name = f"spatial transformer{', linear' if linear else ''}"
        add(cases, name, call, module, x=((2, 4, 3, 16),), context=((2, 5, 12),))
    for lopsided in (False, True):
        for height, width in ((4, 6), (5, 7)):
            module = Downsample2D(8, use_conv=True, padding=0 if lopsided else 1, name="op")
            name = f"image downsampling{', lopsided' if lopsided else ''} of {height}x{width}"
            add(cases, name, on_images, module, x=((2, height, width, 8),))
    add(cases, "image upsampling", on_images, Upsample2D(8, use_conv=True), x=((2, 3, 2, 8),))
    call = lambda m, x: last(m(first(x), output_size=(5, 3)))  # noqa: E731
    add(cases, "image upsampling to 5x3", call, Upsample2D(8, use_conv=True), x=((2, 3, 2, 8),))
    return cases


def network_cases(cases: Cases) -> None:
    """Whole networks, of sizes that halve evenly and of one that does not."""
    for name, options in UNETS.items():
        model = fill(UNet2DConditionModel(**options), f"{name} unet")
        for what, size in (("even", (8, 8)), ("odd", (7, 5))):
            case = f"{name} unet {what}"
            model.zero_grad()
            x = values(f"{case}/x", (2, *size, 4)).requires_grad_()
            context = values(f"{case}/context", (2, 6, options["cross_attention_dim"])).requires_grad_()
            steps = torch.tensor([17, 803])
            output = last(model(first(x), steps, context).sample)
            (output * values(f"{case}/weights", tuple(output.shape))).sum().backward()
            cases.keep(f"{case}/output", output)
            cases.keep(f"{case}/gradient.x", x.grad)
            cases.keep(f"{case}/gradient.context", context.grad)
            summarise(cases, case, model)
    model = fill(AutoencoderKL(**VAE), "autoencoder")
    image = values("autoencoder/image", (2, 24, 16, 3)).requires_grad_()
    latents = values("autoencoder/latents", (2, 3, 2, 4)).requires_grad_()
    posterior = model.encode(first(image)).latent_dist
    outputs = {
        "mean": last(posterior.mean),
        "variance": last(posterior.logvar),
        "decoded": last(model.decode(first(latents)).sample),
    }
    sum((out * values(f"autoencoder/weights.{key}", tuple(out.shape))).sum() for key, out in outputs.items()).backward()
    for key, output in outputs.items():
        cases.keep(f"autoencoder/{key}", output)
    cases.keep("autoencoder/gradient.image", image.grad)
    cases.keep("autoencoder/gradient.latents", latents.grad)
    summarise(cases, "autoencoder", model)


def text_model(name: str, vocabulary: int) -> CLIPTextModel:
    model = CLIPTextModel(CLIPTextConfig(vocab_size=vocabulary, bos_token_id=912, eos_token_id=913, **TEXTS_OF[name]))
    return fill(model, f"{name} text").eval()


def text_cases(cases: Cases, tokenizers: dict[str, CLIPTokenizer]) -> None:
    for name, tokenizer in tokenizers.items():
        tokens = tokenizer(["a red ball!", ""], padding="max_length", max_length=77, return_tensors="pt")["input_ids"]
        model = text_model(name, len(tokenizer))
        with torch.no_grad():
            cases.keep(f"{name} text/output", model(tokens).last_hidden_state)


def trajectory_cases() -> Cases:
    """Fixed noise, and a network that gives 0.6 tanh(x) + a value of the time: every step of it."""
    cases = Cases()
    for name, (kind, changes, counts) in TRAJECTORIES.items():
        for count in counts:
            base = {**BETAS, "steps_offset": 1, "prediction_type": "v_prediction"}
            if kind is DDIMScheduler:
                base |= {"clip_sample": False, "set_alpha_to_one": False}
            scheduler = kind(**{**base, **changes})
            scheduler.set_timesteps(count)
            x = values(f"{name} {count}/noise", (2, 2, 3, 4))
            steps = []
            for time in scheduler.timesteps:
                prediction = 0.6 * torch.tanh(x) + 0.001 * (float(time) - 500)
                x = scheduler.step(prediction, time, x).prev_sample
                steps.append(x)
            cases.keep(f"{name} {count}/steps", torch.stack(steps))
            cases.keep(f"{name} {count}/times", scheduler.timesteps.float())
    return cases


def sentences() -> list[str]:
    """A thousand: those of bpe_expected.py, and random letters of many scripts."""
    scripts = ALPHABETS + [
        "ελληνικάάΣς ", "كرةحمراءلا\u0651 ", "כדוראדום ", "გამარჯობა ", "Բարեւաշխարհ ", "வணக்கம்உலகம் ",
        "ສະບາຍດີ ", "მთვარე! ", "ไทยลูกบอล ", "አማርኛሰላም ", "ქართული's ", "ЁёЙйІіЇї-", "ĐđŁłØøÆæŒœ'", "ꙀꙁⰀⰁ ",
        "𝔞𝔟𝟏𝟐🎈🏳️\u200d🌈 ", "ǅǈﬁﬃ½Ⅷ ", "!!!???...a ", "a\u0300\u0323\u0301o ", "\u1100\u1161\u11a8가각 ", "ｱｶﾞﾊﾟ１２Ａ ",
    ]  # fmt: skip
    rng = random.Random(2)
    texts = list(TEXTS)
    while len(texts) < 1000:
        texts.append("".join(rng.choices(rng.choice(scripts), k=rng.randrange(1, 20))))
    return texts


def tiny_tokenizer(folder: Path, padding: str) -> CLIPTokenizer:
    """The tokenizer of fixtures/train/bpe with its first 40 merges."""
    lines = (BPE / "merges.txt").read_text().splitlines()[:41]
    numbers = json.loads((BPE / "vocab.json").read_text())
    tokens = sorted(numbers, key=numbers.get)[: 512 + 40] + ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77, pad_token=padding)


def tiny_models(folder: Path) -> None:
    images = {}
    for name, (unet, activation, scheduler, padding, saving) in TINY.items():
        torch.manual_seed(len(name + activation))
        place = folder / name
        shutil.rmtree(place, ignore_errors=True)
        tokenizer = tiny_tokenizer(place / "tokenizer", padding)
        text = CLIPTextConfig(vocab_size=len(tokenizer), hidden_act=activation, **TINY_TEXT)
        pipeline = StableDiffusionPipeline(
            unet=UNet2DConditionModel(**TINY_UNET, **unet),
            vae=AutoencoderKL(**TINY_VAE),
            text_encoder=CLIPTextModel(text),
            tokenizer=tokenizer,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        # Weights that matter, and that float16 holds.
        for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    parameter.data = torch.randn_like(parameter) / parameter[0].numel() ** 0.5
                parameter.data = parameter.data.half().float()
        pipeline.save_pretrained(place, **saving)
        # Newer transformers write tokenizer.json alone; what is published of Stable Diffusion has the two other files.
        for file in ("vocab.json", "merges.txt") if name == "sd2" else ("tokenizer.json",):
            (place / "tokenizer" / file).unlink()
        # PFrame has no PNDM; it takes DDIM.
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
        pipeline.set_progress_bar_config(disable=True)
        noise = [RandomSeed(seed).mixed("noise").normal((1, 8, 4, 4)).permute(0, 3, 1, 2) for seed in (5, 6)]
        made = pipeline(
            ["a red ball!", "two people"],
            negative_prompt=["blue", ""],
            latents=torch.cat(noise),
            num_inference_steps=4,
            guidance_scale=3,
            output_type="np",
        )
        images[name] = torch.from_numpy((made.images * 255).round().astype("uint8")).contiguous()
    save_file(images, folder / "images.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    tokenizers = {
        "sd1": CLIPTokenizer.from_pretrained(BPE, model_max_length=77),
        "sd2": CLIPTokenizer.from_pretrained(BPE, model_max_length=77, pad_token="!"),
    }
    cases = block_cases()
    network_cases(cases)
    text_cases(cases, tokenizers)
    save_file(cases.results, folder / "networks.safetensors")
    save_file(trajectory_cases().results, folder / "trajectories.safetensors")
    # Without start and end; what the second tokenizer makes alike is not written twice.
    rows = [
        [text, *(tokenizer(text, truncation=True, max_length=77)["input_ids"][1:-1] for tokenizer in tokenizers.values())]
        for text in sentences()
    ]
    lines = [
        json.dumps(row[:2] if row[1] == row[2] else row, separators=(",", ":"), ensure_ascii=False) for row in rows
    ]
    (folder / "tokens.json").write_text("[" + ",\n".join(lines) + "]\n")
    tiny_models(folder)


if __name__ == "__main__":
    main()
