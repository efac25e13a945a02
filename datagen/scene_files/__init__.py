"""Scenes in the formats of other renderers; `datagen.scene_export` writes them."""
