"""What is trained in one go: networks, the losses of a batch, and the picture that shows how far they are.

A stage is a module; its losses are added and minimised together by one optimiser.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from meshes.parts import Part
from training import losses
from training.data import LAYERS, Batch, portrait
from training.networks import CompletionNet, DistanceNet, DistanceQueryNet, FlowNet, PatchDiscriminator
from training.perceptual import Lpips
from training.warp import inverse_flow, look_up, nearest_wins, splat, without_rim

ADVERSARIAL = 0.01
"""Weight of the adversarial loss beside an absolute error of 1: 100 to 1."""

WEIGHTS = {
    **dict.fromkeys((Part.NECK, Part.TORSO, Part.CLOTHES, Part.HELD_OBJECT), 0.2),
    **dict.fromkeys((Part.EAR_LEFT, Part.EAR_RIGHT), 4.0),
}
"""What a pixel counts in the loss of a flow, beside the 1 of other parts: below the head flow is the largest and
matters least; ears are few pixels, move most, and are what people look at."""

_NEAR = ("near_rgb", "near_alpha")
_FLOW = (*_NEAR, "near_part", "near_surface", "flow_near_to_far")
_PICTURES = (*_NEAR, "near_surface", "far_rgb", "far_alpha", "flow_near_to_far")


class Stage(nn.Module):
    """Networks that are trained together.

    Attributes:
        needs: layers that its losses look at, of `training.data.LAYERS`.
    """

    needs: tuple[str, ...] = LAYERS

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses by name."""
        raise NotImplementedError

    def show(self, batch: Batch) -> Tensor:
        """(N, 3, H, W or more) in [0, 1]: how far it has come."""
        raise NotImplementedError


class FlowStage(Stage):
    """Portrait (and distance) to flow."""

    needs = _FLOW

    def __init__(self, width: int, levels: int, stem: int = 1, takes_distance: bool = True):
        super().__init__()
        self.net = FlowNet(width, levels, takes_distance, stem)

    def predict_flow(self, batch: Batch) -> Tensor:
        """(N, 2, H, W) pixels, told the distance."""
        return self.net(portrait(batch), batch["distance_m"], batch["eye_px"], batch["far_m"])

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses by name."""
        return {"flow": losses.flow_loss(self.predict_flow(batch), batch["flow"], flow_weight(batch))}

    @torch.no_grad()
    def show(self, batch: Batch) -> Tensor:
        """(N, 3, H, 3 W): near, undistorted by the predicted flow, and by the true one."""
        undistorted = [fetch(batch, flow)[0] for flow in (self.predict_flow(batch), batch["flow"])]
        return torch.cat([batch["near"] * batch["near_mask"], *undistorted], dim=3)


class DistanceStage(Stage):
    """Portrait to distance, at once."""

    needs = _NEAR

    def __init__(self, width: int, levels: int, stem: int = 1):
        super().__init__()
        self.net = DistanceNet(width, levels, stem)

    def predict_log2(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of log2 metres, each (N,)."""
        return self.net(portrait(batch), batch["eye_px"])

    def predict_distance_m(self, batch: Batch) -> Tensor:
        """(N,) metres."""
        return self.predict_log2(batch)[0].exp2()

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses by name."""
        mean, spread = self.predict_log2(batch)
        return {"distance": losses.distance_loss(mean, spread, batch["distance_m"])}

    def show(self, batch: Batch) -> Tensor:
        """(N, 3, H, W): the portraits."""
        return portrait(batch)[:, :3]


class QueryStage(Stage):
    """Portrait and a queried distance to "farther"; several queries a portrait, drawn anew each step."""

    needs = _NEAR

    def __init__(self, width: int, levels: int, stem: int = 1):
        super().__init__()
        self.net = DistanceQueryNet(width, levels, stem)

    def predict_distance_m(self, batch: Batch) -> Tensor:
        """(N,) metres."""
        return self.net.distance_m(portrait(batch), batch["eye_px"])

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses by name."""
        query_m = losses.draw_queries(batch["distance_m"], generator)
        farther = self.net(portrait(batch), batch["eye_px"], query_m)
        return {"query": losses.query_loss(farther, batch["distance_m"], query_m)}

    def show(self, batch: Batch) -> Tensor:
        """(N, 3, H, W): the portraits."""
        return portrait(batch)[:, :3]


class CompletionStage(Stage):
    """What the near camera never saw, learnt on portraits that were fetched along the true flow."""

    needs = _PICTURES

    def __init__(self, width: int, levels: int, stem: int = 1):
        super().__init__()
        self.net = CompletionNet(width, levels, stem)
        self.critic = PatchDiscriminator()
        self.looks: tuple[Lpips, float] | None = None
        """A perceptual loss and its weight; in a tuple, since its fixed weights are no part of what is trained."""

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses by name."""
        return self.losses(sure(batch), batch["flow"])

    def losses(self, batch: Batch, flow: Tensor) -> dict[str, Tensor]:
        """The same for a portrait fetched along any flow."""
        (warped, mass), far = fetch(batch, flow), batch["far"] * batch["far_mask"]
        made, filled = self._filled(batch, warped, mass), mass.clamp(0, 1)
        # The maker is judged by a critic that it cannot move, the critic by pictures that it cannot.
        frozen = {name: value.detach() for name, value in self.critic.state_dict().items()}
        believed = torch.func.functional_call(self.critic, frozen, torch.cat([made, warped], dim=1))
        real, fake = (self.critic(torch.cat([x.detach(), warped.detach()], dim=1)) for x in (far, made))
        return {
            **self._perceptual(made, far),
            "completion": losses.masked_mean((made - far).abs(), 1 - filled),
            "adversarial": ADVERSARIAL * losses.adversarial_loss(believed),
            "critic": losses.discriminator_loss(real, fake),
        }

    def _perceptual(self, made: Tensor, far: Tensor) -> dict[str, Tensor]:
        """Of pictures at half their size, where a hole is as wide as what the network sees of it."""
        if self.looks is None:
            return {}
        (measure, weight), (a, b) = self.looks, (functional.avg_pool2d(x, 2) for x in (made, far))
        return {"perceptual": weight * measure(a, b).mean()}

    def complete(self, batch: Batch, flow: Tensor) -> Tensor:
        """(N, 3, H, W): the portrait fetched along `flow`, its holes filled."""
        return self._filled(batch, *fetch(batch, flow))

    def _filled(self, batch: Batch, warped: Tensor, mass: Tensor) -> Tensor:
        return self.net(warped, mass.clamp(0, 1), (mass > 0).to(warped.dtype), portrait(batch))

    @torch.no_grad()
    def show(self, batch: Batch) -> Tensor:
        """(N, 3, H, 3 W): fetched along the true flow, completed, far."""
        seen, far = sure(batch), batch["far"] * batch["far_mask"]
        parts = fetch(seen, batch["flow"])[0], self.complete(seen, batch["flow"]), far
        return torch.cat(parts, dim=3)


class CascadeStage(Stage):
    """Flow and completion end to end: completion sees what the predicted flow leaves it."""

    needs = tuple(dict.fromkeys((*_FLOW, *_PICTURES)))

    def __init__(self, width: int, levels: int, stem: int = 1):
        super().__init__()
        self.flow = FlowStage(width, levels, stem)
        self.completion = CompletionStage(width, levels, stem)

    def predict_flow(self, batch: Batch) -> Tensor:
        """(N, 2, H, W) pixels, told the distance."""
        return self.flow.predict_flow(batch)

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses by name."""
        flow = self.predict_flow(batch)
        return {
            "flow": losses.flow_loss(flow, batch["flow"], flow_weight(batch)),
            **self.completion.losses(batch, flow),
        }

    @torch.no_grad()
    def show(self, batch: Batch) -> Tensor:
        """(N, 3, H, 3 W): near, undistorted and completed, far."""
        made = self.completion.complete(batch, self.predict_flow(batch))
        return torch.cat([batch["near"] * batch["near_mask"], made, batch["far"] * batch["far_mask"]], dim=3)


def flow_weight(batch: Batch) -> Tensor:
    """(N, 1, H, W) float32: what each near pixel counts in the loss of a flow; 0 where no surface is seen."""
    table = torch.tensor([WEIGHTS.get(part, 1.0) for part in Part], device=batch["near_part"].device)
    return batch["near_surface"] * table[batch["near_part"].long()]


def sure(batch: Batch) -> Batch:
    """The batch without the rim that belongs to the person by less than half: the true flow is 0 there, and would leave
    an outline where the near camera saw it."""
    return {**batch, "near_mask": batch["near_mask"] * batch["near_surface"]}


def carry(batch: Batch, flow: Tensor) -> tuple[Tensor, Tensor]:
    """The person of the near picture sent along a flow: (N, 3, H, W), and how much arrived (N, 1, H, W) in [0, 1].

    Where several pixels arrive the nearest to the camera wins.
    """
    mask = batch["near_mask"]
    warped, _ = splat(without_rim(batch["near"], mask), flow, mask * nearest_wins(flow, batch["eye_px"]))
    _, mass = splat(mask, flow, mask)
    return warped, mass.clamp(0, 1)


def fetch(batch: Batch, flow: Tensor) -> tuple[Tensor, Tensor]:
    """The person fetched along the inverse of a flow, where `carry` sends it: the same two answers, without cracks."""
    mask = batch["near_mask"]
    back, known = inverse_flow(flow, mask * nearest_wins(flow, batch["eye_px"]))
    share = (look_up(mask, back) * known).clamp(0, 1)
    return look_up(without_rim(batch["near"], mask), back) * (share > 0), share


STAGES: dict[str, Callable[[int, int, int], Stage]] = {
    "flow": FlowStage,
    "flow-blind": lambda width, levels, stem: FlowStage(width, levels, stem, takes_distance=False),
    "distance": DistanceStage,
    "query": QueryStage,
    "completion": CompletionStage,
    "cascade": CascadeStage,
}
"""What can be trained, by name; each from (width, levels, stem)."""
