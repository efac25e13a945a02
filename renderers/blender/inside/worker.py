"""The process that renders: takes one request a line, a folder, and answers one line a request.

Blender writes to standard output as it likes, so answers go to a copy of it and the original is sent to the log.
"""

import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
import numpy as np
from bodies import add_bodies, add_hair
from shaders import add_materials, hair_material
from stage import add_camera, add_world, set_up, take

ANSWER = "answer "
"""First word of our lines, by which they are told from what Blender says before this script runs."""


def render(folder: Path) -> None:
    """Renders every view of the request in a folder to `view_0.npy`, ...: (H, W, 4) float32, premultiplied RGBA."""
    request = json.loads((folder / "request.json").read_text())
    with np.load(folder / "scene.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    set_up(scene, request["quality"])
    add_world(scene, arrays["radiance"])
    materials = add_materials(request["materials"], arrays)
    add_bodies(scene, request["bodies"], arrays, materials)
    add_hair(scene, arrays, hair_material())
    for number, view in enumerate(request["views"]):
        add_camera(scene, view)
        np.save(folder / f"view_{number}.npy", take(scene, folder / "picture.exr"))


def _requests() -> "queue.SimpleQueue[str]":
    """Lines of standard input; the process ends with whoever wrote them, even in the middle of a picture."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line.strip())
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return lines


def main() -> None:
    """Serves until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    lines = _requests()
    answers.write(f"{ANSWER}{bpy.app.version_string}\n")
    while True:
        try:
            render(Path(lines.get()))
            answers.write(f"{ANSWER}done\n")
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            answers.write(f"{ANSWER}failed\n")


if __name__ == "__main__":
    main()
