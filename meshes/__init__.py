"""Heads as triangle meshes: models, scans, expressions, pose, landmarks, assets."""
