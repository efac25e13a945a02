"""World, camera and render settings: linear light in, linear light out, no tone curve and no hidden blur.

Whatever Blender would choose by itself and that changes a picture is set here.
"""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

MAP_ROWS = 1024
"""Rows of the table by which light is drawn from the environment; a lamp is a few texels of it."""
CLAMP = 8.0
"""Radiance that one path may bring after a bounce: forty times a well-lit grey card; the sun's own light is whole."""


def set_up(scene: Any, quality: dict[str, Any]) -> None:
    """Cycles on the CPU with a box filter, premultiplied alpha and one seed."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples, cycles.seed = quality["spp"], quality["seed"]
    cycles.use_adaptive_sampling = False
    cycles.use_animated_seed = False
    cycles.pixel_filter_type = "BOX"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 12, 4, 6
    cycles.transmission_bounces, cycles.transparent_max_bounces = 12, 64
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.blur_glossy = 0.0
    cycles.sample_clamp_direct, cycles.sample_clamp_indirect = 0.0, CLAMP
    cycles.use_denoising = quality["denoise"]
    cycles.denoiser, cycles.denoising_input_passes = "OPENIMAGEDENOISE", "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "ACCURATE"
    cycles.film_transparent_glass = True
    scene.cycles_curves.shape = "RIBBONS"
    render = scene.render
    render.film_transparent = True
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.use_compositing = render.use_sequencer = False
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "32"
    scene.view_settings.view_transform = "Raw"


def add_world(scene: Any, radiance: np.ndarray) -> None:
    """The light's own map, (h, 2h, 3): zenith +Y in its first row, azimuth from +Z towards +X in its columns."""
    world = bpy.data.worlds.new("light")
    scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    nodes.clear()
    place, turned = nodes.new("ShaderNodeSeparateXYZ"), nodes.new("ShaderNodeCombineXYZ")
    picture, shine = nodes.new("ShaderNodeTexEnvironment"), nodes.new("ShaderNodeBackground")
    minus, out = nodes.new("ShaderNodeMath"), nodes.new("ShaderNodeOutputWorld")
    links.new(nodes.new("ShaderNodeTexCoord").outputs["Generated"], place.inputs[0])
    minus.operation, minus.inputs[1].default_value = "MULTIPLY", -1.0
    # Cycles reads column u = 1/2 - atan2(y, x) / 2 pi and row v = 1/2 + asin(z) / pi, from the bottom.
    links.new(place.outputs["Z"], minus.inputs[0])
    links.new(minus.outputs[0], turned.inputs["X"])
    links.new(place.outputs["X"], turned.inputs["Y"])
    links.new(place.outputs["Y"], turned.inputs["Z"])
    links.new(turned.outputs[0], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], shine.inputs["Color"])
    links.new(shine.outputs[0], out.inputs["Surface"])
    picture.image = linear_image("light", radiance)
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 2 * MAP_ROWS


def linear_image(name: str, values: np.ndarray) -> Any:
    """(h, w, 3) float32 linear, row 0 on top, as an image of Blender's, whose row 0 is the lowest."""
    height, width = values.shape[:2]
    image = bpy.data.images.new(name, width, height, float_buffer=True, is_data=True)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = values[::-1]
    image.pixels.foreach_set(rgba.ravel())
    return image


def add_camera(scene: Any, view: dict[str, Any]) -> None:
    """The camera of a view in Blender's own terms (`renderers.camera.to_blender`), and its lens."""
    camera = bpy.data.cameras.new("camera")
    camera.type, camera.sensor_fit = view["type"], "HORIZONTAL"
    camera.sensor_width = view["sensor_width_mm"]
    camera.shift_x, camera.shift_y = view["shift_x"], view["shift_y"]
    camera.clip_start, camera.clip_end = 1e-3, 1e3
    if view["type"] == "ORTHO":
        camera.ortho_scale = view["ortho_scale_m"]
    else:
        camera.lens = view["lens_mm"]
    if view["aperture_m"]:
        camera.dof.use_dof = True
        camera.dof.focus_distance = view["focus_m"]
        camera.dof.aperture_fstop = view["lens_mm"] * 1e-3 / view["aperture_m"]
    scene.camera = bpy.data.objects.new("camera", camera)
    scene.camera.matrix_world = np.array(view["matrix_world"]).T.tolist()  # Blender reads it column by column.
    scene.collection.objects.link(scene.camera)
    scene.render.resolution_x, scene.render.resolution_y = view["width"], view["height"]


def take(scene: Any, path: Path) -> np.ndarray:
    """(H, W, 4) float32, premultiplied linear RGBA, row 0 on top, by way of a file, as Blender gives no other."""
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path), check_existing=False)
    width, height = image.size
    pixels = np.zeros(height * width * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]
