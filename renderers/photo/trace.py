"""Paths of light, traced for all pixels of all views at once in Mitsuba's compiled variants.

A path's light is told apart by how it left the first surface it saw: skin's matt light goes into buffers of its own.
"""

from dataclasses import dataclass, fields
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from renderers.camera import Camera
from renderers.photo.arrays import aligned
from renderers.photo.buffers import Buffers
from renderers.photo.draws import pair
from renderers.photo.rays import pixels_of, rays_of
from renderers.photo.scene import CLEAR, HAIR, SKIN, Stage
from renderers.picture import View

BOUNCES = 12
"""Surfaces that a path may meet after the first; light hair hands light on that often."""
SURE_BOUNCES = 3
"""Of these, how many before a path may be ended by chance."""
SHELLS = 8
"""Transparent shells that a camera ray may pass."""
OFFSET_M = 4e-6
"""How far from its surface a ray starts: far above float32's error on a head, far below a cornea's 50 micrometres."""
TILE_PX = 1 << 20
"""Pixels traced at once; bounds memory and changes no bit."""


@dataclass
class Shot:
    """What one path, or the sum of a pixel's paths, brings; fields as in `Buffers`, in Dr.Jit's arrays."""

    rgb: Any
    skin: Any
    albedo: Any
    normal: Any
    position: Any
    base: Any
    base_kept: Any
    base_glow: Any
    coverage: Any
    alpha: Any


def trace(stage: Stage, views: tuple[View, ...], spp: int, seed: int) -> tuple[Buffers, ...]:
    """All buffers of each view; a pixel's paths depend on its place, its view's number and `seed`, nothing else.

    The views are traced together, so that what it costs to tell the compiler about a scene is paid once.
    """
    tracer, pixels = Tracer(stage, views), pixels_of(views)
    starts = range(0, pixels.count, TILE_PX)
    tiles = [tracer.tile(first, min(TILE_PX, pixels.count - first), spp, seed) for first in starts]
    rows = {name: np.split(np.concatenate([tile[name] for tile in tiles]), pixels.ends[:-1]) for name in tiles[0]}
    return tuple(
        Buffers(**{name: _image(view.camera, parts[n]) for name, parts in rows.items()}) for n, view in enumerate(views)
    )


def _image(camera: Camera, rows: np.ndarray) -> np.ndarray:
    image = np.ascontiguousarray(rows).reshape(camera.height, camera.width, -1)
    return image[..., 0] if image.shape[2] == 1 else image


class Tracer:
    """Paths through one stage from the cameras of some views."""

    def __init__(self, stage: Stage, views: tuple[View, ...]) -> None:
        self.scene, self.sky, self.cut = stage.scene, stage.scene.environment(), stage.cut
        self.rays, self.pixels = rays_of(views), pixels_of(views)
        self.kind, self.index = _tables(stage)
        self.guide = mi.Color3f(*(mi.Float(aligned(channel)) for channel in stage.guide.T))
        self.whole, self.matt = mi.BSDFContext(), mi.BSDFContext()
        self.matt.type_mask = mi.BSDFFlags.DiffuseReflection

    def tile(self, first: int, count: int, spp: int, seed: int) -> dict[str, np.ndarray]:
        """Means over the paths of pixels first .. first + count - 1: (count, channels) float32 of every field."""
        number = dr.arange(mi.UInt32, count) + dr.opaque(mi.UInt32, first)
        view, column, row, key = self.pixels.place(number, seed)
        total = self.sums(self.rays.of(view), column, row, key, dr.opaque(mi.UInt32, spp))
        share = dr.opaque(mi.Float, 1.0 / spp)
        means = {field.name: getattr(total, field.name) * share for field in fields(total)}
        dr.eval(means)
        return {name: np.array(mean).reshape(-1, count).T for name, mean in means.items()}

    @dr.syntax
    def sums(self, rays: Any, column: Any, row: Any, key: Any, spp: Any) -> Shot:
        """Sum of the paths of each pixel."""
        total, index = _nothing(), mi.UInt32(0)
        while index < spp:
            inside = pair(key, index, 0)
            lens = mi.warp.square_to_uniform_disk_concentric(pair(key, index, 1))
            total = _sum(total, self.path(rays.through(column + inside.x, row + inside.y, lens), key, index))
            index += 1
        return total

    def path(self, ray: Any, key: Any, index: Any) -> Shot:
        """One path a lane, from the camera on."""
        si, weight, shine = self.look(ray)
        shot = self.first(si, weight)
        # Skin reflects the share `matt / value` of what it reflects from one direction to another by its matt base.
        light, matt_light = self.follow(si, weight, dr.select(shot.coverage > 0, shot.base / weight, 0), key, index)
        shot.rgb, shot.skin = _finite(shine + light), _finite(matt_light)
        return shot

    @dr.syntax
    def look(self, ray: Any) -> tuple[Any, Any, Any]:
        """What the camera sees past clear shells: the surface, the share of its light that gets here, mirrored light.

        At a shell both ways are followed, each with its share: onward, and the mirrored ray as far as the sky. A
        choice by chance would leave the catchlight of an eye to one path in thirty.
        """
        si = self.meet(ray, mi.Bool(True))
        weight, shine, count = mi.Color3f(1), mi.Color3f(0), mi.UInt32(0)
        shell = self.is_kind(si, CLEAR)
        while shell:
            # A sheet (index < 0) has a second face, which mirrors too, and lets light on as it came.
            index = dr.gather(mi.Float, self.index, dr.reinterpret_array(mi.UInt32, si.shape), shell)
            mirrored, cosine, _, bend = mi.fresnel(si.wi.z, dr.abs(index))
            mirrored = dr.select((index < 0) & (mirrored < 1), 2 * mirrored / (1 + mirrored), mirrored)
            shine += weight * mirrored * self.open_sky(_from(si, si.to_world(mi.reflect(si.wi))), shell)
            onward = dr.select(index < 0, -si.wi, mi.refract(si.wi, cosine, bend))
            weight *= 1 - mirrored
            ray = _from(si, si.to_world(onward))
            si = self.meet(ray, shell)
            count += 1
            shell &= self.is_kind(si, CLEAR) & (count < SHELLS)
        return si, weight, shine

    def first(self, si: Any, weight: Any) -> Shot:
        """What the first surface is, apart from its light."""
        seen, skin, hair = si.is_valid(), self.is_kind(si, SKIN), self.is_kind(si, HAIR)
        matt = dr.pi * si.bsdf().eval(self.matt, si, mi.Vector3f(0, 0, 1), seen & ~hair)
        albedo = dr.select(hair, dr.gather(mi.Color3f, self.guide, si.prim_index, hair), dr.clip(matt, 0, 1))
        kept, glow = (si.shape.eval_attribute_3(name, si, skin) for name in ("vertex_kept", "vertex_glow"))
        base = dr.select(skin, weight * matt, 0)
        return Shot(
            rgb=mi.Color3f(0),
            skin=mi.Color3f(0),
            albedo=dr.select(seen, weight * albedo, 0),
            normal=dr.select(seen, mi.Color3f(si.sh_frame.n), 0),
            position=dr.select(skin, mi.Color3f(si.p), 0),
            base=base,
            base_kept=dr.select(skin, base * kept, 0),
            base_glow=dr.select(skin, base * glow, 0),
            coverage=dr.select(skin, mi.Float(1), 0),
            alpha=dr.select(seen, mi.Float(1), 0),
        )

    @dr.syntax
    def follow(self, si: Any, weight: Any, matt: Any, key: Any, index: Any) -> tuple[Any, Any]:
        """Light that leaves the first surface towards the camera, and of it the light of skin's matt base.

        Args:
            si: the first surface.
            weight: Color3f, the share of its light that gets to the camera.
            matt: Color3f, reflectance of its matt base; 0 where that is not told apart.
            key, index: of the path.
        """
        light, matt_light, share = mi.Color3f(0), mi.Color3f(0), mi.Color3f(0)
        active, first, depth = si.is_valid(), mi.Bool(True), mi.UInt32(0)
        while active:
            bsdf, dimension = si.bsdf(), 2 + 3 * depth
            # Light straight from the sky.
            source, radiance = self.sky.sample_direction(si, pair(key, index, dimension), active)
            wo = si.to_local(source.d)
            value, density = bsdf.eval_pdf(self.whole, si, wo, active)
            reaching = active & (dr.max(value) > 0) & (source.pdf > 0)
            reaching &= self.free(_from(si, source.d), reaching)
            arriving = weight * value * radiance * dr.select(reaching, _power(source.pdf, density), 0)
            own = dr.select(first, _share(matt, wo, value), share)
            matt_light += own * arriving
            light += (1 - own) * arriving
            # The next piece of the path, and the sky's light at its end.
            choice = pair(key, index, dimension + 1)
            sample, factor = bsdf.sample(self.whole, si, choice.x, pair(key, index, dimension + 2), active)
            share = dr.select(first, _share(matt, sample.wo, factor * sample.pdf), share)
            weight *= factor
            active &= dr.max(weight) > 0
            following = self.meet(_from(si, si.to_world(sample.wo)), active, past_shells=True)
            escaped = active & ~following.is_valid()
            source = mi.DirectionSample3f(self.scene, following, si)
            found = _power(sample.pdf, self.sky.pdf_direction(si, source, escaped))
            found = dr.select(mi.has_flag(sample.sampled_type, mi.BSDFFlags.Delta), 1, found)
            arriving = dr.select(escaped, weight * self.sky.eval(following, escaped) * found, 0)
            matt_light += share * arriving
            light += (1 - share) * arriving
            # A path that carries little is ended by chance, and others like it carry its light.
            depth += 1
            lives = dr.select(depth > SURE_BOUNCES, dr.minimum(dr.max(weight), 0.95), 1)
            active &= following.is_valid() & (depth <= BOUNCES) & (choice.y < lives)
            weight /= dr.maximum(lives, 1e-6)
            si, first = following, mi.Bool(False)
        return light, matt_light

    @dr.syntax
    def meet(self, ray: Any, active: Any, past_shells: bool = False) -> Any:
        """The nearest surface on a ray, past what alpha maps cut away and, where asked, straight past clear shells."""
        si = self.scene.ray_intersect(ray, active)
        if dr.hint(self.cut or past_shells, mode="scalar"):
            passing = active & self.lets_pass(si, past_shells)
            while passing:
                ray = _from(si, ray.d)
                si = self.scene.ray_intersect(ray, passing)
                passing &= self.lets_pass(si, past_shells)
        return si

    def lets_pass(self, si: Any, past_shells: bool) -> Any:
        """Bool: a ray goes on from here as it came."""
        passing = self.is_kind(si, CLEAR) if past_shells else mi.Bool(False)
        if self.cut:
            passing |= si.is_valid() & (si.bsdf().eval_null_transmission(si, si.is_valid()).x > 0.5)
        return passing

    def is_kind(self, si: Any, kind: int) -> Any:
        """Bool: the surface is of a kind."""
        shape = dr.reinterpret_array(mi.UInt32, si.shape)
        return si.is_valid() & (dr.gather(mi.UInt32, self.kind, shape, si.is_valid()) == kind)

    def free(self, ray: Any, active: Any) -> Any:
        """Bool: nothing but clear shells and cut-away parts of cards lies on a ray."""
        hidden = self.scene.ray_test(ray, active)
        return active & ~(hidden & self.meet(ray, active & hidden, past_shells=True).is_valid())

    def open_sky(self, ray: Any, active: Any) -> Any:
        """Radiance of the sky along a ray, 0 where the person is in the way."""
        beyond = dr.zeros(mi.SurfaceInteraction3f)
        beyond.wi = -ray.d
        return dr.select(self.free(ray, active), self.sky.eval(beyond, active), 0)


def _tables(stage: Stage) -> tuple[Any, Any]:
    """Kind and refractive index of each shape by its number in Dr.Jit's registry: memory to a kernel."""
    size = 1 + max((_number(shape) for shape in stage.scene.shapes()), default=0)
    kind, index = np.zeros(size, np.uint32), np.ones(size, np.float32)
    for shape, its_kind, its_index in stage.kinds:
        kind[_number(shape)], index[_number(shape)] = its_kind, its_index
    return mi.UInt32(aligned(kind, np.uint32)), mi.Float(aligned(index))


def _number(shape: Any) -> int:
    return int(dr.reinterpret_array(mi.UInt32, mi.ShapePtr(shape))[0])


def _from(si: Any, direction: Any) -> Any:
    """A ray that leaves a surface on the side it goes to."""
    return mi.Ray3f(si.p + si.n * dr.copysign(OFFSET_M, dr.dot(si.n, direction)), direction)


def _share(matt: Any, wo: Any, value: Any) -> Any:
    """Which part of a reflection is the matt base's: Lambert's law over the whole, cosines included."""
    base = matt * (dr.inv_pi * dr.maximum(wo.z, 0))
    return dr.select(value > 0, dr.minimum(base / value, 1), 0)


def _power(chosen: Any, other: Any) -> Any:
    """Veach's power heuristic for two ways to find one piece of light, by their densities."""
    return dr.select(chosen > 0, chosen * chosen / (chosen * chosen + other * other), 0)


def _finite(light: Any) -> Any:
    """A path whose arithmetic failed brings nothing."""
    return dr.select(dr.isfinite(light.x + light.y + light.z), light, 0)


def _nothing() -> Shot:
    three = [field.name for field in fields(Shot) if field.name not in ("coverage", "alpha")]
    return Shot(**{name: mi.Color3f(0) for name in three}, coverage=mi.Float(0), alpha=mi.Float(0))


def _sum(a: Shot, b: Shot) -> Shot:
    return Shot(**{field.name: getattr(a, field.name) + getattr(b, field.name) for field in fields(Shot)})
