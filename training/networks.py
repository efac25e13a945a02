"""The networks: a U-Net for flow and for completion, and two ways to tell the distance of a portrait.

All take any size that is a multiple of stem x 2^levels; the number of channels decides how large they are.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.warp import centres

LOG2_MIDDLE = -1.5
"""log2 of the distance in metres that a network sees as 0: about 35 cm, the middle of selfies."""


def _norm(channels: int) -> nn.GroupNorm:
    """Groups rather than batches: the same result for any batch size, and no state."""
    return nn.GroupNorm(min(8, channels // 4), channels)


class Block(nn.Module):
    """Two convolutions around which the input is carried."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.norms = nn.ModuleList([_norm(after), _norm(after)])
        self.carry = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, after, H, W)."""
        y = functional.silu(self.norms[0](self.first(x)))
        return self.carry(x) + functional.silu(self.norms[1](self.second(y)))


class GatedBlock(nn.Module):
    """A convolution that decides for every pixel how much of it to let through.

    For pictures with holes: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019.
    """

    def __init__(self, before: int, after: int):
        super().__init__()
        self.mix = nn.Conv2d(before, 2 * after, 3, padding=1)
        self.norm = _norm(after)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, after, H, W)."""
        feature, gate = self.mix(x).chunk(2, dim=1)
        return self.norm(functional.silu(feature) * torch.sigmoid(gate))


class Descent(nn.Module):
    """The way down: to half the size `levels` times; arguments as of `UNet`, which adds the way up."""

    def __init__(self, inputs: int, width: int, levels: int, block: type[nn.Module] = Block, stem: int = 1):
        super().__init__()
        self.stem = stem
        self.wide = [width * min(2**level, 8) for level in range(levels + 1)]
        self.enter = nn.Conv2d(inputs * stem**2, width, 3, padding=1)
        self.down = nn.ModuleList([block(a, b) for a, b in zip([width, *self.wide[:-1]], self.wide, strict=True)])

    def descend(self, x: Tensor) -> list[Tensor]:
        """(N, inputs, H, W) -> features of every level, the largest first."""
        seen = [self.down[0](self.enter(functional.pixel_unshuffle(x, self.stem)))]
        for down in self.down[1:]:
            seen.append(down(functional.avg_pool2d(seen[-1], 2)))
        return seen


class UNet(Descent):
    """Down to half the size `levels` times and up again, with what was seen on the way down at hand.

    Args:
        inputs, outputs: channels.
        width: channels at the largest size worked at; doubled at each level up to 8 x.
        levels: halvings.
        block: what works at each level.
        stem: the picture is folded stem x stem pixels to one before the work and unfolded after it, which costs
            stem^2 times less and loses no pixel.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 24,
        levels: int = 5,
        block: type[nn.Module] = Block,
        stem: int = 1,
    ):
        super().__init__(inputs, width, levels, block, stem)
        self.up = nn.ModuleList([block(a + b, a) for a, b in pairwise(self.wide)])
        self.leave = nn.Conv2d(width, outputs * stem**2, 3, padding=1)
        for parameter in self.leave.parameters():  # An untrained network predicts zero: the picture stays as it is.
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        *seen, x = self.descend(x)
        for up, skipped in zip(reversed(self.up), reversed(seen), strict=True):
            x = up(torch.cat([skipped, functional.interpolate(x, scale_factor=2.0, mode="nearest")], dim=1))
        return functional.pixel_shuffle(self.leave(x), self.stem)


def log2_channel(distance_m: Tensor, like: Tensor) -> Tensor:
    """(N, 1, H, W): the distance (N,) as a constant channel, log2 metres about `LOG2_MIDDLE`."""
    level = (torch.log2(distance_m) - LOG2_MIDDLE).to(like.dtype)
    return level[:, None, None, None].expand(-1, 1, *like.shape[-2:])


def offset_channels(eye_px: Tensor, like: Tensor) -> Tensor:
    """(N, 2, H, W): where each pixel centre of (N, C, H, W) lies from the eye midpoint (N, 2), in half widths."""
    return (centres(like) - eye_px.to(like.dtype)[:, :, None, None]) / (like.shape[-1] / 2)


class FlowNet(nn.Module):
    """Portrait (and its distance) to the flow that carries every pixel to where a far camera sees it.

    The two cameras of a dolly pair look the same way along the ray through the eye midpoint, and keep the size of the
    eye plane. A point z metres before that plane, u pixels off the eye midpoint, therefore moves along u alone:

        flow = -u z (1/near - 1/far) / (1 - z/far)

    with the distances of the two cameras (docs/training.md has the three lines of proof). What a network has to find is
    one number a pixel: z where it is told the distance, and z (1/near - 1/far) where it is not.

    Args:
        width, levels, stem: of the U-Net.
        takes_distance: False learns the flow from the portrait alone.
    """

    NEAREST_SHARE = 0.9
    """No point lies nearer to the camera than this share of the way from the eyes."""

    def __init__(self, width: int = 24, levels: int = 5, takes_distance: bool = True, stem: int = 1):
        super().__init__()
        self.takes_distance = takes_distance
        self.net = UNet(6 + takes_distance, 1, width, levels, stem=stem)

    def forward(self, portrait: Tensor, distance_m: Tensor, eye_px: Tensor, far_m: Tensor) -> Tensor:
        """Flow (N, 2, H, W) in pixels, float32.

        Args:
            portrait: (N, 4, H, W): sRGB in [0, 1] and the mask of the person.
            distance_m: (N,) metres, near camera to the plane of the eyes; not looked at where the network takes none.
            eye_px: (N, 2) pixels, the eye midpoint.
            far_m: (N,) metres, the camera to undo to; may be infinite.
        """
        offset = offset_channels(eye_px, portrait)
        x = torch.cat([portrait - 0.5, offset], dim=1)
        if self.takes_distance:
            x = torch.cat([x, log2_channel(distance_m, x)], dim=1)
        found = self.net(x).float()
        return offset * (portrait.shape[-1] / 2) * self.change(found, distance_m, far_m)

    def change(self, found: Tensor, distance_m: Tensor, far_m: Tensor) -> Tensor:
        """(N, 1, H, W): by what share of itself the offset from the eye midpoint changes, of what the U-Net gives."""
        near, far = distance_m[:, None, None, None], far_m[:, None, None, None]
        if not self.takes_distance:
            return -0.2 * found  # The largest magnification of a selfie is of this order.
        # Decimetres, so that what the last layer learns is of the order of one.
        z_m = torch.minimum(0.1 * found, self.NEAREST_SHARE * near)
        return -z_m * (1 / near - 1 / far) / (1 - z_m / far)


class CompletionNet(nn.Module):
    """Fills what the near camera never saw; keeps what it saw."""

    def __init__(self, width: int = 24, levels: int = 5, stem: int = 1):
        super().__init__()
        self.net = UNet(9, 3, width, levels, GatedBlock, stem)

    def forward(self, warped: Tensor, filled: Tensor, person: Tensor, portrait: Tensor) -> Tensor:
        """(N, 3, H, W) sRGB in [0, 1].

        Args:
            warped: (N, 3, H, W) portrait on the far grid.
            filled: (N, 1, H, W) in [0, 1], where it has content.
            person: (N, 1, H, W), where filled pixels show the person.
            portrait: (N, 4, H, W): the near picture and its mask, on its own grid.
        """
        # Not a change of `warped`, which ends abruptly where the holes begin: that would leave a line there.
        proposal = self.net(torch.cat([warped - 0.5, filled, person, portrait - 0.5], dim=1)).float()
        return (filled * warped + (1 - filled) * proposal).clamp(0, 1)


class PatchDiscriminator(nn.Module):
    """Tells real patches from made ones; Isola et al., "Image-to-Image Translation ...", CVPR 2017."""

    def __init__(self, inputs: int = 6, width: int = 32):
        super().__init__()
        wide = [inputs, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(wide):
            layers += [nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*layers, nn.Conv2d(wide[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, 1, H / 8, W / 8); positive is real."""
        return self.net(picture)


class Encoder(nn.Module):
    """A picture as one vector that still knows what lies where.

    It is the way down of the U-Net of `FlowNet`, by the same names, so it can begin with what a flow net has learnt:
    to see how strong the perspective is takes far fewer steps from there than from one number a picture.
    Perspective shows in where things lie, so places stay apart in a grid of 4 x 4.
    """

    GRID = 4

    def __init__(self, inputs: int, width: int, levels: int, stem: int = 1):
        super().__init__()
        self.net = Descent(inputs + 2, width, levels, stem=stem)
        deepest = self.net.wide[-1]
        self.outputs = deepest
        self.mix = nn.Linear(deepest * self.GRID**2, self.outputs)

    def forward(self, portrait: Tensor, eye_px: Tensor, *channels: Tensor) -> Tensor:
        """Portraits (N, 4, H, W), the eye midpoint (N, 2) in their pixels, more channels -> (N, outputs)."""
        x = torch.cat([portrait - 0.5, offset_channels(eye_px, portrait), *channels], dim=1)
        x = functional.adaptive_avg_pool2d(self.net.descend(x)[-1].float(), self.GRID)
        return functional.silu(exactly(self.mix, x.flatten(1)))


def exactly(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer in float32 whatever the rest is computed in: a distance is worth more than three digits."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


class DistanceQueryNet(nn.Module):
    """Is the portrait's distance larger than a queried one? The query is a constant log2 channel."""

    def __init__(self, width: int = 16, levels: int = 5, stem: int = 1):
        super().__init__()
        self.encoder = Encoder(5, width, levels, stem)
        self.head = nn.Linear(self.encoder.outputs, 1)

    def forward(self, portrait: Tensor, eye_px: Tensor, query_m: Tensor) -> Tensor:
        """(N,) logits of "farther than the query", for portraits (N, 4, H, W), eyes (N, 2), queries (N,) metres."""
        x = self.encoder(portrait, eye_px, log2_channel(query_m, portrait))
        return exactly(self.head, x)[:, 0]

    @torch.no_grad()
    def distance_m(
        self, portrait: Tensor, eye_px: Tensor, low_m: float = 0.174, high_m: float = 1.7, halvings: int = 8
    ) -> Tensor:
        """(N,) metres by halving the interval in log2, as often as told."""
        low = torch.full((len(portrait),), low_m, device=portrait.device).log2()
        high = torch.full_like(low, high_m).log2()
        for _ in range(halvings):
            middle = (low + high) / 2
            farther = self(portrait, eye_px, middle.exp2()) > 0
            low, high = torch.where(farther, middle, low), torch.where(farther, high, middle)
        return ((low + high) / 2).exp2()


class DistanceNet(nn.Module):
    """The distance at once, with how unsure it is."""

    def __init__(self, width: int = 16, levels: int = 5, stem: int = 1):
        super().__init__()
        self.encoder = Encoder(4, width, levels, stem)
        self.head = nn.Linear(self.encoder.outputs, 2)

    def forward(self, portrait: Tensor, eye_px: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of log2 metres, each (N,), for portraits (N, 4, H, W) and eyes (N, 2)."""
        mean, spread = exactly(self.head, self.encoder(portrait, eye_px)).unbind(dim=1)
        return mean + LOG2_MIDDLE, functional.softplus(spread) + 1e-3
