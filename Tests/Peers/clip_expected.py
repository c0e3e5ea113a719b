#!/usr/bin/env python3
"""Make small CLIP models and TorchScript networks, and what PyTorch and transformers compute with them.

usage: clip_expected.py OUTPUT

Writes OUTPUT/clip/: model.safetensors and config.json (a random CLIPModel in float16), openai.pt (the same weights under
OpenAI's names, in a TorchScript archive whose program asks for CUDA, as theirs do), expected.json; and OUTPUT/script/:
network.pt and tuple.pt (TorchScript), saved.pt (torch.save), expected.json. Needs torch, transformers, safetensors, Pillow.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

VOCABULARY, END = 40, 39


def config(heads: tuple[int, int], activation: str) -> CLIPConfig:
    """A model whose towers differ in every size."""
    shared = {"hidden_act": activation, "projection_dim": 24}
    text = {
        "vocab_size": VOCABULARY, "hidden_size": 128, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": heads[0], "bos_token_id": 38, "eos_token_id": END, "pad_token_id": END, **shared,
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": heads[1],
        "image_size": 32, "patch_size": 8, **shared,
    }  # fmt: skip
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)


def weights(model: CLIPModel) -> dict[str, torch.Tensor]:
    """Random values, large enough for every part to matter, as float16 holds them."""
    generator = torch.Generator().manual_seed(5)
    result = {}
    for name, value in model.state_dict().items():
        if value.dtype != torch.float32:
            continue
        noise = torch.randn(value.shape, generator=generator)
        fan = value[0].numel() if value.dim() > 1 else 1
        if "norm" in name or "layrnorm" in name:
            noise = 0.3 * noise + (1 if name.endswith("weight") else 0)
        elif "embedding" in name and "patch" not in name:
            noise = 0.5 * noise
        else:
            noise = noise * (1.5 / fan**0.5 if fan > 1 else 0.2)
        result[name] = noise.half()
    return result


def frame(number: int, width: int, height: int) -> np.ndarray:
    """Slopes with an edge and some texture, which whoever reads the expected values can make again."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    value = x * (3 + c) + y * (5 - c) + 40 * number + (x * y * 7 + 13 * c) % 31
    return np.where((x + number * 5) % 24 < 12, value % 256, 255 - value % 200).astype(np.uint8)


def texts() -> list[list[int]]:
    """Rows as the tokenizer makes them: start, words, end, and what pads them, ends or zeros."""
    rows = [[38, 3, 17, END], [38] + [(5 * i * i + 3) % 37 for i in range(40)] + [END], [38] + [7] * 75 + [END]]
    return [row + [END if index == 0 else 0] * (77 - len(row)) for index, row in enumerate(rows)]


def rounded(values: torch.Tensor) -> list:
    """Numbers of six digits behind the point."""
    return [round(value, 6) for value in values.flatten().tolist()]


class Node(nn.Module):
    """TorchScript wants a program in every part."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What it is given."""
        return x


class Norm(Node):
    """Names of a layer norm or a linear map."""

    def __init__(self, *shapes: torch.Tensor):
        super().__init__()
        self.weight, self.bias = (nn.Parameter(shape) for shape in shapes)


class Attention(Node):
    """Names of nn.MultiheadAttention."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, out_proj: nn.Module):
        super().__init__()
        self.in_proj_weight, self.in_proj_bias, self.out_proj = nn.Parameter(weight), nn.Parameter(bias), out_proj


class Tree(Node):
    """A module of given children and parameters."""

    def __init__(self, **parts: object):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, torch.Tensor) else part)


class OpenAI(nn.Module):
    """The weights under OpenAI's names, with a program that cannot run without CUDA."""

    def __init__(self, values: dict[str, torch.Tensor]):
        super().__init__()

        def pair(name: str) -> Norm:
            return Norm(values[name + ".weight"], values[name + ".bias"])

        def blocks(prefix: str, count: int) -> Tree:
            children = []
            for index in range(count):
                name = f"{prefix}.encoder.layers.{index}"
                projections = [f"{name}.self_attn.{part}_proj" for part in "qkv"]
                attention = Attention(
                    torch.cat([values[part + ".weight"] for part in projections]),
                    torch.cat([values[part + ".bias"] for part in projections]),
                    pair(f"{name}.self_attn.out_proj"),
                )
                mlp = Tree(c_fc=pair(f"{name}.mlp.fc1"), c_proj=pair(f"{name}.mlp.fc2"))
                norms = {"ln_1": pair(f"{name}.layer_norm1"), "ln_2": pair(f"{name}.layer_norm2")}
                children.append(Tree(attn=attention, mlp=mlp, **norms))
            return Tree(resblocks=nn.Sequential(*children))

        vision = "vision_model.embeddings."
        self.visual = Tree(
            conv1=Tree(weight=values[vision + "patch_embedding.weight"]),
            class_embedding=values[vision + "class_embedding"],
            positional_embedding=values[vision + "position_embedding.weight"],
            ln_pre=pair("vision_model.pre_layrnorm"),
            ln_post=pair("vision_model.post_layernorm"),
            transformer=blocks("vision_model", 2),
            proj=values["visual_projection.weight"].T.contiguous(),
        )
        self.transformer = blocks("text_model", 1)
        self.token_embedding = Tree(weight=values["text_model.embeddings.token_embedding.weight"])
        self.positional_embedding = nn.Parameter(values["text_model.embeddings.position_embedding.weight"])
        self.ln_final = pair("text_model.final_layer_norm")
        self.text_projection = nn.Parameter(values["text_projection.weight"].T.contiguous())
        self.logit_scale = nn.Parameter(values["logit_scale"])
        self.register_buffer("context_length", torch.tensor(77))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Asks for a device that need not be there."""
        return image.to(torch.device("cuda:0")).to(torch.float16)


class Network(nn.Module):
    """A network with flags, for clips (N, 3, T, H, W) or images (N, 3, H, W)."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]]))

    def forward(
        self,
        x: torch.Tensor,
        rescale: bool = True,
        resize: bool = True,
        return_features: bool = False,
        return_lpips: bool = False,
    ) -> torch.Tensor:
        """Two numbers an input: of clips, of rows weighted by their place; thousands tell the flags."""
        flags = 1000.0 * rescale + 2000.0 * resize + 4000.0 * (not return_features) + 8000.0 * return_lpips
        ramp = torch.linspace(0, 1, x.shape[3]) if x.dim() == 5 else torch.linspace(0, 1, x.shape[2])
        weighted = x * ramp.unsqueeze(1)
        pooled = weighted.flatten(2).mean(2)
        return pooled @ self.weight.t() + flags


class Two(nn.Module):
    """A network without flags that gives a tuple."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The first is what counts."""
        return x.flatten(1).sum(1, keepdim=True), x


def clip(folder: Path) -> None:
    """Writes the CLIP model in both forms, and what it computes."""
    folder.mkdir(parents=True, exist_ok=True)
    model = CLIPModel(config((2, 1), "quick_gelu")).eval()
    values = weights(model)
    save_file(values, folder / "model.safetensors")
    model.config.to_json_file(folder / "config.json", use_diff=False)
    torch.jit.save(torch.jit.script(OpenAI(values)), folder / "openai.pt")
    tokens = torch.tensor(texts())
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    sizes = [(56, 40), (40, 75), (20, 24), (32, 32)]
    images = [frame(index, *size) for index, size in enumerate(sizes)]
    levels = processor(images=images, do_rescale=False, do_normalize=False, return_tensors="np")["pixel_values"]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
    result = {
        "tokens": tokens.tolist(), "sizes": sizes,
        "levels": levels.transpose(0, 2, 3, 1).astype(int).flatten().tolist(),
        "corner": rounded(pixels[0, :, 0, 0]),
    }  # fmt: skip
    for name, heads, activation in [("quick_gelu", (2, 1), "quick_gelu"), ("gelu", (8, 4), "gelu")]:
        model = CLIPModel(config(heads, activation)).eval()
        model.load_state_dict({key: value.float() for key, value in values.items()}, strict=False)
        with torch.no_grad():
            text = model.text_model(input_ids=tokens)
            image = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
            features = model.text_projection(text.pooler_output)
        result[name] = {
            "text": rounded(features), "image": rounded(image),
            # The first token, some that words are, and padding.
            "sequence": rounded(text.last_hidden_state[:, [0, 3, 20, 76]]),
        }  # fmt: skip
    (folder / "expected.json").write_text(json.dumps(result) + "\n", encoding="utf-8")


def script(folder: Path) -> None:
    """Writes the small networks, and what they compute."""
    folder.mkdir(parents=True, exist_ok=True)
    network = Network().eval()
    torch.jit.save(torch.jit.script(network), folder / "network.pt")
    torch.jit.save(torch.jit.script(Two().eval()), folder / "tuple.pt")
    torch.save(network.state_dict(), folder / "saved.pt")
    frames = torch.from_numpy(np.stack([frame(index, 20, 12) for index in range(6)])).permute(0, 3, 1, 2).float()
    small = nn.functional.interpolate(frames, (224, 224), mode="bilinear", align_corners=False)
    clips = (small * 2 / 255 - 1).reshape(2, 3, 3, 224, 224).transpose(1, 2)
    with torch.no_grad():
        plain = network(frames)
        features = network(frames, return_lpips=True)
        other = network(frames.flip(0), return_lpips=True)
        result = {
            "plain": rounded(plain),
            "flags": rounded(network(frames, rescale=False, return_features=True)),
            "i3d": rounded(network(clips, rescale=False, resize=False, return_features=True)),
            "inception": rounded(network(frames, return_features=True)),
            "lpips": rounded((features - other).square().sum(1)),
            "sums": rounded(frames.flatten(1).sum(1)),
        }
    (folder / "expected.json").write_text(json.dumps(result) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    clip(Path(sys.argv[1]) / "clip")
    script(Path(sys.argv[1]) / "script")
