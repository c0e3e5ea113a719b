"""The network of a video diffusion model, as `Sources/Train/Models/VideoDiffusion/VideoDiffusion.swift`."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from .conditioning import CaptionReader, FirstFrameEncoder, TextEncoder
from .files import PFrameError
from .unet import UNet3D


@dataclass(frozen=True)
class Condition:
    """What predictions are conditioned on: the same for all steps of sampling."""

    first: torch.Tensor
    """Features of the first frames, (B, c, h, w)."""
    text: torch.Tensor | None
    """Captions, (B, width); None for a model without text."""


class Conditioned(nn.Module):
    """What reads the first frame and the caption."""

    def __init__(
        self, first_frame: FirstFrameEncoder | None, text: TextEncoder | None, captions: CaptionReader | None
    ) -> None:
        """captions: reads captions; None for a model without text, and for one that reads CLIP's features."""
        super().__init__()
        self.first_frame, self.text, self.captions = first_frame, text, captions

    def condition(self, first: torch.Tensor, captions: Sequence[str] | torch.Tensor | None = None) -> Condition:
        """The condition of first frames and captions.

        first: uint8 (B, H, W, 3), as `first.npy` holds them. captions: B texts, or labels for a model of labels; for a
        model of `--text clip` CLIP's pooled text features, (B, width). None is the condition without captions, which
        guidance needs.
        """
        like = next(self.parameters())
        x = first.to(like.device, like.dtype).movedim(-1, 1) / 127.5 - 1
        features = x if self.first_frame is None else self.first_frame(x)
        if self.text is None:
            if captions is not None:
                raise PFrameError("the model was trained without text (--text none): give no captions")
            return Condition(features, None)
        if captions is None:
            return Condition(features, self.text.empty.expand(len(first), -1))
        if len(captions) != len(first):
            raise PFrameError(f"{len(captions)} captions for {len(first)} first frames")
        return Condition(features, self.text(self._tokens(captions).to(x.device)))

    def _tokens(self, captions: Sequence[str] | torch.Tensor) -> torch.Tensor:
        if self.captions is not None and not isinstance(captions, torch.Tensor):
            return self.captions.tokens(captions)
        if self.captions is None and isinstance(captions, torch.Tensor):
            return captions
        wanted = "texts" if self.captions else "CLIP's text features (--text clip), a tensor (B, width)"
        raise PFrameError(f"the model reads captions as {wanted}, not {type(captions).__name__}")


class Denoiser(Conditioned):
    """The U-Net with its encoders of the first frame and of the caption."""

    def __init__(
        self, unet: UNet3D, first_frame: FirstFrameEncoder | None, text: TextEncoder | None,
        captions: CaptionReader | None,
    ) -> None:  # fmt: skip
        super().__init__(first_frame, text, captions)
        self.unet = unet

    def forward(self, x: torch.Tensor, steps: torch.Tensor | int, condition: Condition) -> torch.Tensor:
        """The prediction for noisy clips, as large as they are.

        x: (B, T, channels, h, w). steps: of the noise schedule, 0…999: one for all clips, or (B).
        """
        steps = torch.as_tensor(steps, device=x.device).to(self.unet.frame_position.dtype).expand(len(x))
        predicted = self.unet(x.flatten(0, 1), steps, condition.text, condition.first)
        return predicted.unflatten(0, (len(x), -1))
