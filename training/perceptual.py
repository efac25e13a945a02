"""How different two pictures look, as networks trained on photographs see it: LPIPS, DISTS, and a plain VGG16 loss.

All take sRGB pictures (N, 3, H, W) float32 in [0, 1] and give one number a sample, differentiable in both pictures;
the networks' own weights are fixed. They need `datagen assets fetch perceptual-models`.

- LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018; version 0.1
  of its heads ("lin"), on AlexNet or VGG16.
- DISTS: Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity", PAMI 2022.
- The networks: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014; Simonyan and
  Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015; both trained on ImageNet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshes.assets import face_model
from meshes.errors import UserError
from meshes.loaders.unpickle import UnpickleError, read_pickle

Net = Literal["alex", "vgg"]
Tree = Mapping[str, Any]
"""Weights as the files nest them: "VGG16_0" -> "Conv_3" -> "kernel" (height, width, in, out) and "bias" (out,)."""

MAX_WEIGHT_BYTES = 256 << 20
"""Most that the arrays of a weight file may take."""

LPIPS_MEAN, LPIPS_STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""What LPIPS subtracts and divides by, of pictures in [-1, 1]."""
VGG_MEAN, VGG_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet, of pictures in [0, 1]."""
DISTS_SIDE_PX = 256
"""DISTS is defined on pictures whose shorter side is this."""
DISTS_FLOOR = 1e-6


class PerceptualError(UserError):
    """Pictures or weights that these networks cannot take; says expected, got, next step."""


@dataclass(frozen=True)
class Layout:
    """How a network's convolutions follow each other; a ReLU comes after each.

    Attributes:
        file: its weights, a name that `meshes.assets.face_model` takes.
        key: what they lie under in the file.
        strides, pads: of each convolution.
        pooled: convolutions before which the picture is halved.
        pool: side of the window of that maximum; its stride is 2.
        taps: convolutions after whose ReLU features are taken.
        least_px: smallest side of a picture that leaves every tap a pixel.
    """

    file: str
    key: str
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    pooled: tuple[int, ...]
    pool: int
    taps: tuple[int, ...]
    least_px: int


LAYOUTS: dict[Net, Layout] = {
    "alex": Layout("alexnet", "AlexNet_0", (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (1, 2), 3, (0, 1, 2, 3, 4), 31),
    "vgg": Layout("vgg16", "VGG16_0", (1,) * 13, (1,) * 13, (2, 4, 7, 10), 2, (1, 3, 6, 9, 12), 16),
}


class Features(nn.Module):
    """The convolutions of AlexNet or VGG16 with fixed weights.

    Args:
        net: which.
        tree: the weights; they also say how many channels there are.
        smooth: halve by a smooth root mean square, as DISTS has it, instead of the maximum.
    """

    def __init__(self, net: Net, tree: Tree, smooth: bool = False):
        super().__init__()
        self.layout, self.smooth = LAYOUTS[net], smooth
        layers = [tree[self.layout.key][f"Conv_{i}"] for i in range(len(self.layout.strides))]
        for i, layer in enumerate(layers):
            self.register_buffer(f"kernel_{i}", torch.tensor(layer["kernel"].transpose(3, 2, 0, 1).copy()))
            self.register_buffer(f"bias_{i}", torch.tensor(layer["bias"].copy()))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W), normalised, -> the taps (N, C, h, w), from fine to coarse."""
        taps = []
        for i, (stride, pad) in enumerate(zip(self.layout.strides, self.layout.pads, strict=True)):
            if i in self.layout.pooled:
                x = smooth_half(x) if self.smooth else functional.max_pool2d(x, self.layout.pool, 2)
            kernel, bias = self.get_buffer(f"kernel_{i}"), self.get_buffer(f"bias_{i}")
            x = functional.relu(functional.conv2d(x, kernel, bias, stride, pad))
            if i in self.layout.taps:
                taps.append(x)
        return taps


def smooth_half(x: Tensor) -> Tensor:
    """(N, C, H, W) at half the size: root of the squares under a 3 x 3 Hann window of sum 1 (Ding et al.)."""
    window = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = torch.outer(window, window).expand(x.shape[1], 1, 3, 3)
    # A ReLU's zeros would have an infinite slope under the root.
    return (functional.conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


class Lpips(nn.Module):
    """LPIPS 0.1 with its trained heads.

    Args:
        net: "alex" is what papers report; "vgg" is slower and smoother, for training.
        weights: stand-ins of the files' form; the fetched ones where left out.

    Raises:
        AssetMissingError: the weights have not been fetched.
    """

    def __init__(self, net: Net = "alex", weights: Tree | None = None):
        super().__init__()
        tree = read_weights(net) if weights is None else weights
        self.features = Features(net, tree)
        for i in range(len(self.features.layout.taps)):
            head = tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"]
            self.register_buffer(f"head_{i}", torch.tensor(head.reshape(-1).copy()))

    @property
    def heads(self) -> list[Tensor]:
        """(C,) weights of each tap's channels."""
        return [self.get_buffer(f"head_{i}") for i in range(len(self.features.layout.taps))]

    def forward(self, a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N,) distances, 0 of equal pictures.

        Args:
            a, b: (N, 3, H, W) sRGB in [0, 1].
            mask: (N, 1, H, W) bool or weights: see `lpips_distance`. The networks still look past its edge, as far as
                their receptive fields reach; paint both pictures equal outside where that must not count.

        Raises:
            PerceptualError: other shapes.
        """
        _check(a, b, mask, self.features.layout.least_px)
        return self.compare(self.taps(a), self.taps(b), mask)

    def taps(self, picture: Tensor) -> list[Tensor]:
        """What `compare` compares, of pictures (N, 3, H, W): one met often is looked at once. Raises as `forward`."""
        _check(picture, picture, None, self.features.layout.least_px)
        return self.features(_normalised(2 * picture - 1, LPIPS_MEAN, LPIPS_STD))

    def compare(self, taps_a: Sequence[Tensor], taps_b: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """(N,) distances of `taps`; the mask as in `forward`."""
        return lpips_distance(taps_a, taps_b, self.heads, mask)


def lpips_distance(
    taps_a: Sequence[Tensor], taps_b: Sequence[Tensor], heads: Sequence[Tensor], mask: Tensor | None = None
) -> Tensor:
    """(N,): the sum over taps of the mean over space of the weighted squared difference of unit features.

    Each pixel's features are divided by their length over channels plus 1e-10 (Zhang et al., eq. 1, as their code
    has it).

    Args:
        taps_a, taps_b: (N, C, h, w) of both pictures.
        heads: (C,) of each tap.
        mask: (N, 1, H, W). At each tap the picture is divided into h x w cells of equal size, as
            `torch.nn.functional.adaptive_avg_pool2d` does (cells overlap where sides do not divide); a tap's pixel
            weighs as much as the mean of the mask over its cell. NaN where a sample's mask is empty.
    """
    total = torch.zeros(len(taps_a[0]), dtype=taps_a[0].dtype, device=taps_a[0].device)
    for a, b, head in zip(taps_a, taps_b, heads, strict=True):
        difference = ((_unit(a) - _unit(b)) ** 2 * head[None, :, None, None]).sum(dim=1, keepdim=True)
        total = total + _spatial_mean(difference, mask)
    return total


class Dists(nn.Module):
    """DISTS on VGG16: likeness of structure and of texture, the latter wherever in the picture it lies.

    Args:
        shorter_side_px: larger pictures are brought to this shorter side first (bilinear with antialiasing), as the
            authors do; None compares them as they are, which gives other numbers.
        weights: stand-ins of the form of VGG16's file; the fetched ones where left out.
        mix: (C,) alpha and beta of all channels, those of the picture first; the fetched ones where left out.

    Raises:
        AssetMissingError: the weights have not been fetched.
    """

    def __init__(
        self,
        shorter_side_px: int | None = DISTS_SIDE_PX,
        weights: Tree | None = None,
        mix: tuple[Tensor, Tensor] | None = None,
    ):
        super().__init__()
        self.shorter_side_px = shorter_side_px
        self.features = Features("vgg", read_weights("vgg") if weights is None else weights, smooth=True)
        alpha, beta = read_mix() if mix is None else mix
        total = alpha.sum() + beta.sum()
        self.register_buffer("alpha", alpha / total)
        self.register_buffer("beta", beta / total)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(N,) distances, 0 of equal pictures (N, 3, H, W) sRGB in [0, 1]. Raises PerceptualError: other shapes."""
        _check(a, b, None, self.features.layout.least_px)
        return self.compare(self.taps(a), self.taps(b))

    def taps(self, picture: Tensor) -> list[Tensor]:
        """What `compare` compares, of pictures (N, 3, H, W): one met often is looked at once. Raises as `forward`."""
        _check(picture, picture, None, self.features.layout.least_px)
        small = _shrunk(picture, self.shorter_side_px)
        return [small, *self.features(_normalised(small, VGG_MEAN, VGG_STD))]

    def compare(self, taps_a: Sequence[Tensor], taps_b: Sequence[Tensor]) -> Tensor:
        """(N,) distances of `taps`."""
        return dists_distance(taps_a, taps_b, self.get_buffer("alpha"), self.get_buffer("beta"))


def dists_distance(taps_a: Sequence[Tensor], taps_b: Sequence[Tensor], alpha: Tensor, beta: Tensor) -> Tensor:
    """(N,): 1 minus the weighted likeness of every channel's mean (texture) and covariance (structure).

    Ding et al. with c1 = c2 = 1e-6; moments over space are biased, the covariance is of centred features.

    Args:
        taps_a, taps_b: (N, C, h, w) of both pictures, the pictures themselves first.
        alpha, beta: (sum of C,), of means and of covariances.
    """
    likeness = torch.zeros(len(taps_a[0]), dtype=taps_a[0].dtype, device=taps_a[0].device)
    first = 0
    for x, y in zip(taps_a, taps_b, strict=True):
        channels = slice(first, first := first + x.shape[1])
        mean_x, mean_y = (t.mean(dim=(2, 3), keepdim=True) for t in (x, y))
        covariance = ((x - mean_x) * (y - mean_y)).mean(dim=(2, 3))
        spread = sum(((t - mean) ** 2).mean(dim=(2, 3)) for t, mean in ((x, mean_x), (y, mean_y)))
        mean_x, mean_y = mean_x[:, :, 0, 0], mean_y[:, :, 0, 0]
        texture = (2 * mean_x * mean_y + DISTS_FLOOR) / (mean_x**2 + mean_y**2 + DISTS_FLOOR)
        structure = (2 * covariance + DISTS_FLOOR) / (spread + DISTS_FLOOR)
        likeness = likeness + (alpha[channels] * texture + beta[channels] * structure).sum(dim=1)
    return 1 - likeness


class VggFeatures(nn.Module):
    """VGG16's features, and the plain loss on them.

    Args:
        weights: stand-ins of the form of VGG16's file; the fetched ones where left out.

    Raises:
        AssetMissingError: the weights have not been fetched.
    """

    def __init__(self, weights: Tree | None = None):
        super().__init__()
        self.features = Features("vgg", read_weights("vgg") if weights is None else weights)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """The five taps (N, C, h, w) of pictures (N, 3, H, W): relu1_2, relu2_2, relu3_3, relu4_3, relu5_3."""
        return self.features(_normalised(picture, VGG_MEAN, VGG_STD))

    def distance(self, a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N,): the sum over taps of the mean squared difference, over channels and space.

        Johnson, Alahi, Fei-Fei, "Perceptual Losses for Real-Time Style Transfer", ECCV 2016, eq. 2, on all five taps.

        Args:
            a, b: (N, 3, H, W) sRGB in [0, 1].
            mask: (N, 1, H, W), as in `lpips_distance`.

        Raises:
            PerceptualError: other shapes.
        """
        _check(a, b, mask, self.features.layout.least_px)
        pairs = zip(self(a), self(b), strict=True)
        return torch.stack([_spatial_mean(((x - y) ** 2).mean(dim=1, keepdim=True), mask) for x, y in pairs]).sum(dim=0)


@lru_cache(maxsize=2)
def read_weights(net: Net) -> Tree:
    """The fetched weights of a network with its LPIPS heads.

    Raises:
        AssetMissingError: they have not been fetched; the message names the command.
        PerceptualError: the file holds more than arrays.
    """
    path = face_model(LAYOUTS[net].file)
    try:
        return read_pickle(path.read_bytes(), MAX_WEIGHT_BYTES)
    except UnpickleError as error:
        raise PerceptualError(
            f"{path}: expected arrays alone, got {error}; run `datagen assets fetch perceptual-models`."
        ) from None


def read_mix() -> tuple[Tensor, Tensor]:
    """DISTS' fetched alpha and beta (1475,), not yet divided by their sum. Raises AssetMissingError."""
    mix = torch.load(face_model("dists"), map_location="cpu", weights_only=True)
    return mix["alpha"].flatten(), mix["beta"].flatten()


def _check(a: Tensor, b: Tensor, mask: Tensor | None, least_px: int) -> None:
    if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3 or min(a.shape[2:]) < least_px:
        raise PerceptualError(
            f"pictures: expected two of one shape (N, 3, H, W) with sides of at least {least_px} px, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}; crop or enlarge both alike."
        )
    if mask is not None and mask.shape != (len(a), 1, *a.shape[2:]):
        raise PerceptualError(f"mask: expected {(len(a), 1, *a.shape[2:])}, got {tuple(mask.shape)}; cut it alike.")


def _normalised(x: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    shift, scale = (torch.tensor(v, dtype=x.dtype, device=x.device)[:, None, None] for v in (mean, std))
    return (x - shift) / scale


def _unit(features: Tensor) -> Tensor:
    """Length 1 over channels; the root's slope at 0 is kept finite, so that black areas do not stop a training."""
    length = features.square().sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny).sqrt()
    return features / (length + 1e-10)


def _spatial_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """(N,) mean of (N, 1, h, w), weighted by a mask (N, 1, H, W) as `lpips_distance` says; NaN of an empty one."""
    if mask is None:
        return values.mean(dim=(1, 2, 3))
    weight = functional.adaptive_avg_pool2d(mask.to(values.dtype), (values.shape[2], values.shape[3]))
    total = weight.sum(dim=(1, 2, 3))
    mean = (values * weight).sum(dim=(1, 2, 3)) / total.clamp_min(torch.finfo(values.dtype).tiny)
    return torch.where(total > 0, mean, torch.nan)


def _shrunk(x: Tensor, shorter_side_px: int | None) -> Tensor:
    height, width = x.shape[2:]
    if shorter_side_px is None or min(height, width) <= shorter_side_px:
        return x
    size = [shorter_side_px * side // min(height, width) for side in (height, width)]
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
