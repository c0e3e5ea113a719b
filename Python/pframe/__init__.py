"""The runs and data sets of PFrame in PyTorch.

`load` opens a run of `pframe train`; `Records` reads a data set of `pframe build` or `pframe encode`. Arrays of files
keep the layout of the files, channels last: frames uint8 (T, H, W, 3). Networks take channels first: (B, T, C, h, w).
"""

from .autoencoder import ResidualAutoencoder
from .clips import Clip, DifferenceCodec, FrameCodec, MotionLatentCodec
from .conditional import ConditionalAutoencoder
from .conditioning import CaptionReader
from .denoiser import Condition, Denoiser
from .diffusion import DiffusionProcess, NoiseSchedule, guided
from .files import PFrameError
from .motion import predict, rebuild
from .motion_first import MotionFirst
from .records import Record, Records
from .runs import Run, load
from .sampling import SamplerStep, noise, sampler_steps
from .seeds import RandomSeed
from .tokens import TokenDiffusion
from .unet import UNet3D

__version__ = "0.1.0"
__all__ = [
    "CaptionReader", "Clip", "Condition", "ConditionalAutoencoder", "Denoiser", "DifferenceCodec", "DiffusionProcess",
    "FrameCodec", "MotionFirst", "MotionLatentCodec", "NoiseSchedule", "PFrameError", "RandomSeed", "Record", "Records",
    "ResidualAutoencoder", "Run", "SamplerStep", "TokenDiffusion", "UNet3D", "guided", "load", "noise", "predict",
    "rebuild", "sampler_steps",
]  # fmt: skip
