"""Whole-pixel compensation, as `Sources/MotionVectors/WholePixelCompensation.swift`."""

import numpy as np
import torch

from .files import PFrameError

Array = torch.Tensor | np.ndarray


def predict(frame: Array, field: Array) -> torch.Tensor:
    """The frame displaced block by block: p(x) = frame(x + v / 4), coordinates clamped to the frame's edge.

    frame: (H, W, C). field: (⌈H/16⌉, ⌈W/16⌉, 2), the vector (x, y) of each 16×16 block in quarter pixels, multiples
    of 4, as a frame of `mv.npy`.
    """
    frame = torch.as_tensor(frame)
    field = torch.as_tensor(field, device=frame.device).long()
    height, width = frame.shape[:2]
    if tuple(field.shape) != (-(-height // 16), -(-width // 16), 2) or bool((field % 4).any()):
        raise PFrameError(
            f"a field {tuple(field.shape)} for a frame of {height}x{width}: a vector of whole pixels, multiples of 4, "
            "for each 16x16 block is expected"
        )
    offsets = (field // 4).repeat_interleave(16, 0).repeat_interleave(16, 1)[:height, :width]
    y = (torch.arange(height, device=frame.device)[:, None] + offsets[..., 1]).clamp(0, height - 1)
    x = (torch.arange(width, device=frame.device)[None, :] + offsets[..., 0]).clamp(0, width - 1)
    return frame[y, x]


def rebuild(first: Array, motion: Array, residual: Array) -> torch.Tensor:
    """All frames, uint8 (T, H, W, 3): xₙ = clamp(P(xₙ₋₁, mvₙ) + rₙ).

    first: uint8 (H, W, 3). motion: (T−1, H/16, W/16, 2), as `mv.npy`. residual: int16 (T−1, H, W, 3).
    """
    frames = [torch.as_tensor(first)]
    if len(motion) != len(residual):
        raise PFrameError(f"motion of {len(motion)} frames and residuals of {len(residual)}")
    for field, rest in zip(motion, residual):
        predicted = predict(frames[-1], field).to(torch.int16)
        rest = torch.as_tensor(rest, device=predicted.device)
        frames.append((predicted + rest).clamp(0, 255).to(torch.uint8))
    return torch.stack(frames)
