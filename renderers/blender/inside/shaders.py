"""Materials as shader nodes: skin by random walk under a two-lobed surface, hair, cornea, thin panes, cut-outs.

Every material multiplies the "albedo" attribute of its mesh by its albedo map where it has one.
"""

from collections.abc import Callable
from typing import Any

import bpy
import numpy as np

RELIEF_STEP_M = 2e-6
"""Rise from texel to texel that one code of a relief map stands for; 128 is level (`meshes.surface.Material`)."""
WALK_MM = (3.67, 1.37, 0.68)
"""Diffuse mean free paths of red, green and blue light in skin: Jensen et al., "A Practical Model for Subsurface Light
Transport", SIGGRAPH 2001, table 1, skin 1."""
WALK_LOSS = 0.24
"""Blender's walk returns A (1 - 0.24 (1 - A)) of a white surrounding for the albedo A, measured at A from 0.05 to 0.9
on a large ball: the albedo is raised so that it returns what the other tiers return."""
HAIR_ROUGHNESS = 0.3
"""Along a hair and around it."""
METAL = 0.2
"""No dielectric that people wear reflects more than this at normal incidence."""
CORNEA_IOR = 1.376
"""Refractive index of the cornea in Gullstrand's eye."""

Socket = Any


class Nodes:
    """A node tree that is written from right to left: each call makes a node and gives its first output."""

    def __init__(self, material: Any) -> None:
        self.tree = material.node_tree
        self.tree.nodes.clear()

    def add(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
        """A node of a kind with settings; inputs are by name with _ for spaces, or n0, n1 ... by number."""
        node = self.tree.nodes.new(kind)
        for name, value in (settings or {}).items():
            setattr(node, name, value)
        for name, value in inputs.items():
            socket = node.inputs[int(name[1:])] if name[1:].isdigit() else node.inputs[name.replace("_", " ")]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return node

    def math(self, operation: str, *values: Any) -> Socket:
        """One arithmetic step."""
        inputs = {f"n{i}": value for i, value in enumerate(values)}
        return self.add("ShaderNodeMath", {"operation": operation}, **inputs).outputs[0]

    def vector(self, operation: str, *values: Any) -> Any:
        """One arithmetic step with vectors; the node, since a dot product is its second output."""
        inputs = {f"n{i}": value for i, value in enumerate(values)}
        return self.add("ShaderNodeVectorMath", {"operation": operation}, **inputs)

    def attribute(self, name: str, output: str = "Color") -> Socket:
        """What the mesh carries."""
        return self.add("ShaderNodeAttribute", {"attribute_name": name}).outputs[output]

    def picture(self, image: Any, interpolation: str = "Linear") -> Socket:
        """A map at the texture coordinates of the mesh, clamped at its border."""
        settings = {"image": image, "interpolation": interpolation, "extension": "EXTEND"}
        where = self.add("ShaderNodeUVMap", {"uv_map": "uv"}).outputs[0]
        return self.add("ShaderNodeTexImage", settings, Vector=where).outputs["Color"]

    def mixed(self, share: Any, first: Socket, second: Socket) -> Socket:
        """`first`, of which `share` gives way to `second`."""
        return self.add("ShaderNodeMixShader", None, n0=share, n1=first, n2=second).outputs[0]


def add_materials(specs: list[dict[str, Any]], arrays: dict[str, np.ndarray]) -> list[Any]:
    """One of Blender's materials for each description (`renderers.blender.exchange`)."""
    return [_material(spec, arrays) for spec in specs]


def _material(spec: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    material = bpy.data.materials.new(spec["name"])
    material.use_nodes = True
    nodes = Nodes(material)
    makers: dict[str, Callable[..., Socket]] = {
        "opaque": _opaque, "fibre": _opaque, "cornea": _cornea, "pane": _pane,
    }  # fmt: skip
    shader = makers[spec["kind"]](nodes, spec, arrays)
    if spec["cutout"]:
        cut = nodes.picture(_image(spec["cutout"], arrays, is_data=True), "Closest")
        clear = nodes.add("ShaderNodeBsdfTransparent").outputs[0]
        # Texel 127 is cut, 128 is kept.
        shader = nodes.mixed(nodes.math("GREATER_THAN", cut, 127.5 / 255.0), clear, shader)
    nodes.add("ShaderNodeOutputMaterial", None, Surface=shader)
    return material


def _image(name: str, arrays: dict[str, np.ndarray], is_data: bool) -> Any:
    """A map of bytes, made once: colours are sRGB, data are as they are."""
    if name in bpy.data.images:
        return bpy.data.images[name]
    texels = arrays[name]
    image = bpy.data.images.new(name, texels.shape[1], texels.shape[0], is_data=is_data)
    rgba = np.ones((*texels.shape[:2], 4), np.float32)
    rgba[..., :3] = (texels if texels.ndim == 3 else texels[..., None])[::-1] / np.float32(255)
    image.pixels.foreach_set(rgba.ravel())
    return image


def _albedo(nodes: Nodes, spec: dict[str, Any], arrays: dict[str, np.ndarray]) -> Socket:
    color = nodes.attribute("albedo")
    if not spec["texture"]:
        return color
    texture = nodes.picture(_image(spec["texture"], arrays, is_data=False))
    return nodes.vector("MULTIPLY", color, texture).outputs[0]


def _before_loss(nodes: Nodes, albedo: Socket, subsurface: float) -> Socket:
    """The albedo that the walk brings down to `albedo`: A in (1 - k) A + k A^2 = albedo, with k the loss."""
    loss = WALK_LOSS * subsurface
    if loss == 0:
        return albedo
    channels = nodes.add("ShaderNodeSeparateXYZ", None, Vector=albedo).outputs
    raised = []
    for channel in channels:
        root = nodes.math("SQRT", nodes.math("MULTIPLY_ADD", channel, 4.0 * loss, (1.0 - loss) ** 2))
        raised.append(nodes.math("MULTIPLY_ADD", root, 0.5 / loss, (loss - 1.0) / (2.0 * loss)))
    return nodes.add("ShaderNodeCombineXYZ", None, X=raised[0], Y=raised[1], Z=raised[2]).outputs[0]


def _ior(specular: float) -> float:
    """Index of refraction that reflects `specular` at normal incidence."""
    root = float(np.sqrt(specular))
    return (1.0 + root) / (1.0 - root)


def _opaque(nodes: Nodes, spec: dict[str, Any], arrays: dict[str, np.ndarray]) -> Socket:
    """Principled: the broad highlight below, the film's narrow one as its coat, each with its share."""
    metal, oil = spec["specular"] > METAL, spec["oil"]
    inputs: dict[str, Any] = {}
    if spec["relief"]:
        relief = nodes.picture(_image(spec["relief"], arrays, is_data=True))
        inputs["Normal"] = _tilted(nodes, relief, arrays[spec["relief"]].shape)
        oil = nodes.math("MULTIPLY", nodes.add("ShaderNodeSeparateXYZ", None, Vector=relief).outputs["Z"], oil)
    ior = 1.5 if metal else _ior(spec["specular"])
    shader = nodes.add(
        "ShaderNodeBsdfPrincipled",
        {"subsurface_method": "RANDOM_WALK"},
        Base_Color=_before_loss(nodes, _albedo(nodes, spec, arrays), spec["subsurface"]),
        Metallic=float(metal),
        Roughness=spec["roughness"],
        IOR=ior,
        Specular_IOR_Level=nodes.math("MULTIPLY", nodes.math("SUBTRACT", 1.0, oil), 0.5),
        Coat_Weight=oil,
        Coat_Roughness=spec["oil_roughness"],
        Coat_IOR=ior,
        Subsurface_Weight=spec["subsurface"],
        Subsurface_Radius=WALK_MM,
        Subsurface_Scale=1e-3,
        **inputs,
    )
    if inputs:
        nodes.tree.links.new(inputs["Normal"], shader.inputs["Coat Normal"])
    return shader.outputs[0]


def _tilted(nodes: Nodes, relief: Socket, shape: tuple[int, ...]) -> Socket:
    """Normal of a relief map: its codes are rises per texel, `uv_per_m` tells how many texels a metre has."""
    per_code_u, per_code_v = RELIEF_STEP_M * shape[1], RELIEF_STEP_M * shape[0]
    scale, level = (-255.0 * per_code_u, 255.0 * per_code_v, 0.0), (128.0 * per_code_u, -128.0 * per_code_v, 0.0)
    slope = nodes.vector("MULTIPLY_ADD", relief, scale, level).outputs[0]
    slope = nodes.vector("MULTIPLY", slope, nodes.attribute("uv_per_m", "Vector")).outputs[0]
    normal = nodes.vector("NORMALIZE", nodes.vector("ADD", slope, (0.0, 0.0, 1.0)).outputs[0]).outputs[0]
    color = nodes.vector("MULTIPLY_ADD", normal, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)).outputs[0]
    return nodes.add("ShaderNodeNormalMap", {"space": "TANGENT", "uv_map": "uv"}, Color=color).outputs[0]


def hair_material() -> Any:
    """Hair of Chiang et al. 2016, whose `albedo` is the colour of a dense volume of it."""
    material = bpy.data.materials.new("hair")
    material.use_nodes = True
    nodes = Nodes(material)
    shader = nodes.add(
        "ShaderNodeBsdfHairPrincipled",
        {"model": "CHIANG", "parametrization": "COLOR"},
        Color=nodes.attribute("albedo"),
        Roughness=HAIR_ROUGHNESS,
        Radial_Roughness=HAIR_ROUGHNESS,
        IOR=1.55,
    )
    nodes.add("ShaderNodeOutputMaterial", None, Surface=shader.outputs[0])
    return material


def _cornea(nodes: Nodes, spec: dict[str, Any], arrays: dict[str, np.ndarray]) -> Socket:
    """Glass that bends what a camera sees, and lets light for the iris pass straight, as no caustic is traced."""
    glass = nodes.add("ShaderNodeBsdfGlass", None, Roughness=spec["roughness"], IOR=CORNEA_IOR).outputs[0]
    ray = nodes.add("ShaderNodeLightPath").outputs
    straight = nodes.math("MAXIMUM", ray["Is Shadow Ray"], ray["Is Diffuse Ray"])
    return nodes.mixed(straight, glass, nodes.add("ShaderNodeBsdfTransparent").outputs[0])


def _pane(nodes: Nodes, spec: dict[str, Any], arrays: dict[str, np.ndarray]) -> Socket:
    """A sheet too thin to bend light: Schlick's share of it is mirrored, the rest passes."""
    place = nodes.add("ShaderNodeNewGeometry").outputs
    cosine = nodes.math("ABSOLUTE", nodes.vector("DOT_PRODUCT", place["Incoming"], place["Normal"]).outputs["Value"])
    grazing = nodes.math("POWER", nodes.math("SUBTRACT", 1.0, cosine), 5.0)
    share = nodes.math("MULTIPLY_ADD", grazing, 1.0 - spec["specular"], spec["specular"])
    mirror = nodes.add("ShaderNodeBsdfGlossy", None, Roughness=spec["roughness"]).outputs[0]
    return nodes.mixed(share, nodes.add("ShaderNodeBsdfTransparent").outputs[0], mirror)
